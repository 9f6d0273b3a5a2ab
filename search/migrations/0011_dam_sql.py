"""The schema dam_sql: the library for who writes SQL, with the rights of whoever ``dam.user_id`` names.

Settings of the session say who asks: ``dam.user_id`` (a user's id; unset or empty: nobody has signed in),
``dam.public_read`` ('on' where DAM_PUBLIC_READ is set) and ``dam.url`` (the address before every ``url``).
"""

from typing import Any

from django.db import migrations

ROLE = "dam_sql"
# What Python's str.strip takes away, as search.vectors does before it looks for a text.
SPACE = "".join(rf"\u{ord(c):04x}" for c in map(chr, range(0x10000)) if c.isspace())

# Which schemas the library's tables and pgvector are in; the last is where temporary tables could take their names.
SEARCH_PATH = """
SELECT string_agg(DISTINCT quote_ident(name), ', ') FROM (
    SELECT relnamespace::regnamespace::text FROM pg_class
    WHERE oid IN ('assets_asset'::regclass, 'search_embedding'::regclass, 'auth_user'::regclass)
    UNION SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'
) AS found(name)
"""

# What one database of a server may find there already, or another makes at the same moment. Without the right to make
# roles there is none: `manage.py install_sql` says so.
READER = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        CREATE ROLE {ROLE} LOGIN NOINHERIT CONNECTION LIMIT 20;
    END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
    NULL;
END $$;

-- What its statements may write to disk while they sort. Only superusers may say so, and not the role; internal_error is
-- what two get who say it at once.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}' AND rolconfig::text LIKE '%temp_file_limit=%') THEN
        ALTER ROLE {ROLE} SET temp_file_limit = '1GB';
    END IF;
EXCEPTION WHEN insufficient_privilege OR undefined_object OR unique_violation OR internal_error THEN
    NULL;
END $$;
"""

RIGHTS = """
CREATE SCHEMA IF NOT EXISTS dam_sql;

CREATE OR REPLACE FUNCTION dam_sql.sees_library() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = {path} AS $$
-- AssetQuerySet.visible_to in SQL.
SELECT coalesce(current_setting('dam.public_read', true), '') = 'on' OR EXISTS (
    SELECT FROM auth_user WHERE is_active AND id = nullif(current_setting('dam.user_id', true), '')::bigint
)
$$;
COMMENT ON FUNCTION dam_sql.sees_library IS 'Whether the user that dam.user_id names may see the assets.';

CREATE OR REPLACE VIEW dam_sql.visible_assets AS
SELECT id, title, filename, description, original, created_at, taken_at
FROM assets_asset WHERE dam_sql.sees_library();
COMMENT ON VIEW dam_sql.visible_assets IS 'The assets that the user of dam.user_id may see.';

CREATE OR REPLACE VIEW dam_sql.image_words AS
SELECT asset.id, words.document AS words
FROM dam_sql.visible_assets AS asset JOIN search_assettext AS words ON words.asset_id = asset.id;
COMMENT ON VIEW dam_sql.image_words IS 'The words of each asset: words @@ websearch_to_tsquery(''english'', …).';
"""

# The view spells the cast and the model's id as the model's partial index does: only then is a statement served by it.
IMAGES = """
CREATE OR REPLACE FUNCTION dam_sql.follow_active_model() RETURNS trigger
LANGUAGE plpgsql SET search_path = {path} AS $follow$
DECLARE
    model bigint;
    size integer;
    definition text;
    made_of text;
BEGIN
    SELECT id, dimensions INTO model, size FROM search_embeddingmodel
    WHERE state = 'active' AND embeds = 'picture' AND asked_by_text;
    made_of := format('Assets with their vectors of the active model: number %s, of %s dimensions.', model, size);
    IF obj_description(to_regclass('dam_sql.images'), 'pg_class') = made_of THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('dam_sql.images', 0));
    IF size IS NULL THEN -- no model: no rows, and the same columns
        SELECT nullif(atttypmod, -1) INTO size FROM pg_attribute
        WHERE attrelid = to_regclass('dam_sql.images') AND attname = 'embedding';
    END IF;
    definition := format($view$
        CREATE OR REPLACE VIEW dam_sql.images AS
        SELECT asset.id,
            coalesce(current_setting('dam.url', true), '') || '/assets/' || asset.id || '/original/' AS url,
            coalesce(nullif(asset.title, ''), asset.filename)::text AS title,
            asset.description,
            ARRAY(
                SELECT tag.name::text FROM assets_asset_tags AS link JOIN assets_tag AS tag ON tag.id = link.tag_id
                WHERE link.asset_id = asset.id ORDER BY tag.name
            ) AS tags,
            asset.created_at,
            asset.taken_at,
            embedding.vector%s AS embedding
        FROM search_embedding AS embedding JOIN dam_sql.visible_assets AS asset ON asset.id = embedding.asset_id
        WHERE embedding.model_id = %s AND embedding.segment = 0
    $view$, '::halfvec(' || size || ')', coalesce(model, 0));
    BEGIN
        EXECUTE definition;
    EXCEPTION WHEN invalid_table_definition THEN -- another number of dimensions is another type
        DROP VIEW dam_sql.images CASCADE;
        EXECUTE definition;
    END;
    EXECUTE format('COMMENT ON VIEW dam_sql.images IS %L', made_of);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        GRANT SELECT ON dam_sql.images TO {role};
    END IF;
    RETURN NULL;
END $follow$;

-- By whatever the active model changes, the view changes in the same transaction.
CREATE OR REPLACE TRIGGER dam_sql_follow
AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF state, dimensions, embeds, asked_by_text ON search_embeddingmodel
FOR EACH STATEMENT EXECUTE FUNCTION dam_sql.follow_active_model();
"""

# The comment is what the trigger tells by whether the view is that of the active model.
MADE_ANEW = """
DO $$ BEGIN
    IF to_regclass('dam_sql.images') IS NOT NULL THEN
        COMMENT ON VIEW dam_sql.images IS NULL;
    END IF;
    UPDATE search_embeddingmodel SET state = state WHERE false;
END $$;
"""

VECTORS = """
CREATE OR REPLACE FUNCTION dam_sql.clip_text_embedding(query text) RETURNS vector
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED SECURITY DEFINER SET search_path = {path} AS $$
DECLARE
    model record;
    sha bytea;
    found vector;
BEGIN
    SELECT id, name, dimensions INTO model FROM search_embeddingmodel
    WHERE state = 'active' AND embeds = 'picture' AND asked_by_text;
    IF model.id IS NULL THEN
        RAISE EXCEPTION 'clip_text_embedding: no embedding model is active'
            USING HINT = 'Run manage.py register_model.';
    END IF;
    query := btrim(query, E'{space}');
    IF query = '' THEN
        RAISE EXCEPTION 'clip_text_embedding: the text is empty';
    END IF;
    sha := sha256(convert_to(query, 'UTF8'));
    SELECT vector INTO found FROM search_queryvector WHERE model_id = model.id AND digest = sha;
    IF found IS NULL AND to_regprocedure('dam_sql.ask_encoder(text, text)') IS NOT NULL THEN -- install_sql --live
        -- Where no index serves a statement, this is called for each row: the encoder is asked once in a transaction.
        found := nullif(current_setting(format('dam.asked_%s_%s', model.id, encode(sha, 'hex')), true), '')::vector;
        IF found IS NULL THEN
            EXECUTE 'SELECT l2_normalize(dam_sql.ask_encoder($1, $2)::vector)' INTO found USING model.name, query;
            IF vector_dims(found) <> model.dimensions THEN
                RAISE EXCEPTION 'clip_text_embedding: the encoder has another model under the name %', model.name;
            END IF;
            PERFORM set_config(format('dam.asked_%s_%s', model.id, encode(sha, 'hex')), found::text, true);
        END IF;
    END IF;
    IF found IS NULL THEN
        RAISE EXCEPTION 'clip_text_embedding: the text % has no vector yet', quote_literal(left(query, 200))
            USING HINT = 'PostgreSQL does not call the model itself. Any of these makes the vector, once and for all: the'
                || ' same statement in `manage.py sql`, in the SQL console of the admin or at POST /api/v1/sql/ (which'
                || ' find texts that are written in it as literals); a search for the text; or, where the server has'
                || ' plpython3u or http, `manage.py install_sql --live`.';
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION dam_sql.clip_text_embedding IS 'The vector of a text in the space of images.embedding.';

CREATE OR REPLACE FUNCTION dam_sql.clip_image_embedding(image text) RETURNS vector
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER SET search_path = {path} AS $$
DECLARE
    wanted text := btrim(image, E'{space}');
    asset bigint;
    found vector;
BEGIN
    asset := coalesce(
        substring(wanted FROM '^([0-9]{{1,18}})$'),
        substring(wanted FROM '(?:^|/)assets/([0-9]{{1,18}})/[^?#]*(?:[?#].*)?$')
    )::bigint;
    IF asset IS NULL THEN -- the key of an original, alone or in an address of its store
        SELECT id INTO asset FROM dam_sql.visible_assets
        WHERE original = substring(wanted FROM '(?:^|/)([0-9a-f]{{2}}/[0-9a-f]{{64}})(?:[?#].*)?$');
    END IF;
    SELECT images.id, images.embedding INTO asset, found FROM dam_sql.images WHERE images.id = asset;
    IF asset IS NULL THEN
        RAISE EXCEPTION 'clip_image_embedding: there is no asset %', quote_literal(left(wanted, 200))
            USING HINT = 'Give an asset''s id, the key of its original, or its address.';
    END IF;
    IF found IS NULL THEN
        RAISE EXCEPTION 'clip_image_embedding: asset % has no vector yet', asset
            USING HINT = 'Have it made: manage.py embed --missing.';
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION dam_sql.clip_image_embedding IS 'The vector of an asset, given its id, key or address.';
"""

# Whatever is added to the schema is the owner's alone until it is granted here.
GRANTS = """
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA dam_sql FROM PUBLIC;
DO $$
DECLARE
    open_function text;
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        GRANT USAGE ON SCHEMA dam_sql TO {role};
        GRANT SELECT ON dam_sql.images, dam_sql.image_words, dam_sql.visible_assets TO {role};
        FOR open_function IN
            SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'dam_sql'::regnamespace
            AND proname IN ('sees_library', 'clip_text_embedding', 'clip_image_embedding', 'match_images')
        LOOP
            EXECUTE 'GRANT EXECUTE ON FUNCTION ' || open_function || ' TO {role}';
        END LOOP;
    END IF;
END $$;
"""


def search_path(cursor: Any) -> str:
    """Return the search_path that every function of this schema has: names mean what they meant when it was made."""
    cursor.execute(SEARCH_PATH)
    return f"pg_catalog, {cursor.fetchone()[0]}, pg_temp"


def create(cursor: Any) -> None:
    """Make the schema, its role and their rights, or make them again; to be run in a transaction."""
    fields = {"path": search_path(cursor), "role": ROLE, "space": SPACE}
    cursor.execute(READER)
    for part in (RIGHTS, IMAGES, VECTORS):
        cursor.execute(part.format(**fields))
    cursor.execute(MADE_ANEW)
    grant(cursor)


def grant(cursor: Any) -> None:
    """Let the role, and nobody else but the owner, read and call what is in the schema."""
    cursor.execute(GRANTS.format(role=ROLE))


def forwards(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        create(cursor)


def backwards(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER dam_sql_follow ON search_embeddingmodel")
        cursor.execute("DROP SCHEMA dam_sql CASCADE")  # the role stays: other databases of the server have it too


class Migration(migrations.Migration):
    dependencies = [("search", "0010_query_vectors_have_one_index"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(forwards, backwards)]
