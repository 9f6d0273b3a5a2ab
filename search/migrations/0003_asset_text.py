"""What keeps search_assettext: every asset's words, up to date under any SQL.

Statement-level triggers, so that a bulk change is one pass. Texts are computed while their rows are locked, in the
order of asset ids, from a snapshot taken after the lock: of two transactions that touch one asset, the second sees
what the first did.
"""

from django.db import migrations

# Made into a space, after normalisation. Spelled out, because what [[:punct:]] means is the database's locale's.
SEPARATORS = (
    r"\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7"
    r"\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u060c\u060d\u061b-\u061f\u066a-\u066d\u06d4"
    r"\u0964\u0965\u0970\u0e2f\u0e3f\u0e4f\u0e5a\u0e5b\u1680\u2000-\u206f\u20a0-\u20cf\u2100-\u2bff\u2e00-\u2e7f"
    r"\u3000-\u3004\u3008-\u3030\u3036\u3037\u303d-\u3040\u309b\u309c\u30a0\u30fb\ue000-\uf8ff\ufd3e-\ufd4f"
    r"\ufe10-\ufe6f\ufeff\uffe0-\uffff\U0001d000-\U0001d3ff\U0001f000-\U0001faff\U000e0000-\U0010ffff"
)
# Gone without a trace: accents, Hebrew and Arabic points, soft hyphens, joiners, variation selectors.
MARKS = (
    r"\u00ad\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670"
    r"\u200c\u200d\u2060\ufe00-\ufe0f\ufeff"
)
# Written without spaces between words: Han, Hiragana, Katakana, Bopomofo, Hangul.
CJK = (
    r"\u1100-\u11ff\u3005-\u3007\u3041-\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u318f\u31a0-\u31bf"
    r"\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)

# Longer texts are cut: a tsvector holds at most 1 MB, and a save must not fail because somebody wrote much.
LONGEST_TEXT = 20_000
# Longer words are cut: a lexeme holds at most 2 kB.
LONGEST_WORD = 200

WORDS = rf"""
CREATE FUNCTION dam_words(written text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- A text as words with spaces between, lower case, without accents: what to_tsvector('english', ...) is to be given.
--   IMG_2041.jpg -> img 2041 jpg     Café -> cafe     A4 -> a4 (a single letter stays with its number)
--   雪地里 -> 雪地 地里 里: overlapping pairs and the last character, so that every character begins one word. A single
--   character is then found as a prefix, and a position in the document is a position in the text.
DECLARE
    words text := left(written, {LONGEST_TEXT});
    ascii boolean := octet_length(words) = char_length(words);
BEGIN
    IF NOT ascii THEN
        words := regexp_replace(normalize(words, NFKD), '[{MARKS}]+', '', 'g');
        words := left(normalize(words, NFC), {LONGEST_TEXT});
    END IF;
    words := lower(words COLLATE "COLLATION");
    words := regexp_replace(words, '[{SEPARATORS}]+', ' ', 'g');
    IF NOT ascii AND words ~ '[{CJK}]' THEN
        words := regexp_replace(words, '([{CJK}]+)', ' <\1 ', 'g');
        words := regexp_replace(words, '([{CJK}])', '\1 \1', 'g');
        words := regexp_replace(words, '<. ', '', 'g');
    END IF;
    words := regexp_replace(words, '([^0-9 ]{{2}})([0-9])', '\1 \2', 'g');
    words := regexp_replace(words, '([0-9])([^0-9 ]{{2}})', '\1 \2', 'g');
    RETURN regexp_replace(words, '([^ ]{{{LONGEST_WORD}}})[^ ]+', '\1', 'g');
END $$;

CREATE FUNCTION dam_all_words(written text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- A query for all words of a text, to be given to to_tsquery('english', ...). What can be typed cannot break it: only
-- letters and digits are left. The last character of a run is in its last pair, and is only asked for when alone.
SELECT regexp_replace(
    array_to_string(regexp_split_to_array(trim(
        regexp_replace(dam_words(written), '([{CJK}]{{2}}) +[{CJK}](?= |$)', '\1', 'g')
    ), ' +'), ' & '),
    '(^| )([{CJK}])(?= |$)', '\1\2:*', 'g')
$$;

CREATE FUNCTION dam_phrase(written text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- A query for the words of a text in their order, to be given to to_tsquery('english', ...).
SELECT regexp_replace(
    array_to_string(regexp_split_to_array(trim(dam_words(written)), ' +'), ' <-> '),
    '(^| )([{CJK}])(?= |$)', '\1\2:*', 'g')
$$;

CREATE FUNCTION dam_document(title text, tags text, description text, filename text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
-- The "a" is no word, but takes a place: no phrase is found across the border of two fields.
SELECT setweight(to_tsvector('english', coalesce(dam_words(title), '')), 'A')
    || setweight(to_tsvector('english', 'a ' || coalesce(dam_words(tags), '')), 'B')
    || setweight(to_tsvector('english', 'a ' || coalesce(dam_words(description), '')), 'C')
    || setweight(to_tsvector('english', 'a ' || coalesce(dam_words(filename), '')), 'D')
$$;
"""

REFRESH = """
CREATE FUNCTION dam_refresh_texts(ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(cardinality(ids), 0) = 0 THEN
        RETURN;
    END IF;
    PERFORM FROM search_assettext WHERE asset_id = ANY (ids) ORDER BY asset_id FOR NO KEY UPDATE;
    -- UNION, not UNION ALL: a circle of tags would never end.
    WITH RECURSIVE carried(asset_id, tag_id) AS (
        SELECT asset_id, tag_id FROM assets_asset_tags WHERE asset_id = ANY (ids)
        UNION
        SELECT asset_id, parent_id FROM carried JOIN assets_tag ON id = tag_id WHERE parent_id IS NOT NULL
    ), tagged AS (
        SELECT asset_id, string_agg(name, ' a ' ORDER BY tag_id) AS names
        FROM carried JOIN assets_tag ON id = tag_id GROUP BY asset_id
    )
    INSERT INTO search_assettext AS text (asset_id, document)
    SELECT id, dam_document(title, names, description, filename)
    FROM assets_asset LEFT JOIN tagged ON asset_id = id
    WHERE id = ANY (ids)
    ORDER BY id
    ON CONFLICT (asset_id) DO UPDATE SET document = EXCLUDED.document
        WHERE text.document IS DISTINCT FROM EXCLUDED.document;
END $$;
"""

# Tagging and changes of the vocabulary wait for each other: a tag is renamed for the assets that have it, and whoever
# tags an asset reads the tag's name; at the same time, neither would see the other. Taken before any row is locked.
TURNS = """
CREATE FUNCTION dam_tagging_turn() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('tag names', 0));
    RETURN NULL;
END $$;

CREATE FUNCTION dam_vocabulary_turn() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tag names', 0));
    RETURN NULL;
END $$;

CREATE TRIGGER dam_text_turn BEFORE INSERT OR UPDATE OR DELETE ON assets_asset_tags
    FOR EACH STATEMENT EXECUTE FUNCTION dam_tagging_turn();
CREATE TRIGGER dam_text_turn BEFORE INSERT OR UPDATE OF title, description, filename ON assets_asset
    FOR EACH STATEMENT EXECUTE FUNCTION dam_tagging_turn();
CREATE TRIGGER dam_text_turn BEFORE UPDATE OF name, parent_id ON assets_tag
    FOR EACH STATEMENT EXECUTE FUNCTION dam_vocabulary_turn();
"""

TRIGGERS = """
CREATE FUNCTION dam_asset_added() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dam_refresh_texts((SELECT array_agg(id) FROM after));
    RETURN NULL;
END $$;

CREATE FUNCTION dam_asset_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dam_refresh_texts((
        SELECT array_agg(after.id) FROM after JOIN before USING (id)
        WHERE (after.title, after.description, after.filename)
            IS DISTINCT FROM (before.title, before.description, before.filename)
    ));
    RETURN NULL;
END $$;

CREATE FUNCTION dam_asset_tagged() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dam_refresh_texts((SELECT array_agg(DISTINCT asset_id) FROM after));
    RETURN NULL;
END $$;

CREATE FUNCTION dam_asset_untagged() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dam_refresh_texts((SELECT array_agg(DISTINCT asset_id) FROM before));
    RETURN NULL;
END $$;

CREATE FUNCTION dam_asset_retagged() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dam_refresh_texts((
        SELECT array_agg(asset_id) FROM (SELECT asset_id FROM before UNION SELECT asset_id FROM after) AS touched
    ));
    RETURN NULL;
END $$;

CREATE FUNCTION dam_all_untagged() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dam_refresh_texts((SELECT array_agg(id) FROM assets_asset));
    RETURN NULL;
END $$;

CREATE FUNCTION dam_tag_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dam_refresh_texts((
        WITH RECURSIVE below(id) AS (
            SELECT after.id FROM after JOIN before USING (id)
            WHERE (after.name, after.parent_id) IS DISTINCT FROM (before.name, before.parent_id)
            UNION
            SELECT tag.id FROM below JOIN assets_tag AS tag ON tag.parent_id = below.id
        )
        SELECT array_agg(DISTINCT asset_id) FROM assets_asset_tags JOIN below ON below.id = tag_id
    ));
    RETURN NULL;
END $$;

CREATE TRIGGER dam_text_added AFTER INSERT ON assets_asset
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION dam_asset_added();
CREATE TRIGGER dam_text_changed AFTER UPDATE ON assets_asset
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION dam_asset_changed();
CREATE TRIGGER dam_text_tagged AFTER INSERT ON assets_asset_tags
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION dam_asset_tagged();
CREATE TRIGGER dam_text_untagged AFTER DELETE ON assets_asset_tags
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION dam_asset_untagged();
CREATE TRIGGER dam_text_retagged AFTER UPDATE ON assets_asset_tags
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION dam_asset_retagged();
CREATE TRIGGER dam_text_truncated AFTER TRUNCATE ON assets_asset_tags
    FOR EACH STATEMENT EXECUTE FUNCTION dam_all_untagged();
CREATE TRIGGER dam_text_renamed AFTER UPDATE ON assets_tag
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION dam_tag_changed();

SELECT dam_refresh_texts((SELECT array_agg(id) FROM assets_asset));
"""

UNDO = """
DROP TRIGGER dam_text_added ON assets_asset;
DROP TRIGGER dam_text_changed ON assets_asset;
DROP TRIGGER dam_text_tagged ON assets_asset_tags;
DROP TRIGGER dam_text_untagged ON assets_asset_tags;
DROP TRIGGER dam_text_retagged ON assets_asset_tags;
DROP TRIGGER dam_text_truncated ON assets_asset_tags;
DROP TRIGGER dam_text_turn ON assets_asset;
DROP TRIGGER dam_text_turn ON assets_asset_tags;
DROP TRIGGER dam_text_turn ON assets_tag;
DROP TRIGGER dam_text_renamed ON assets_tag;
DROP FUNCTION dam_asset_added, dam_asset_changed, dam_asset_tagged, dam_asset_untagged, dam_asset_retagged,
    dam_all_untagged, dam_tag_changed, dam_tagging_turn, dam_vocabulary_turn, dam_refresh_texts, dam_document,
    dam_phrase, dam_all_words, dam_words;
"""

# Who knows the lower case of every alphabet, even in a database whose locale is C: PostgreSQL itself since 17, ICU, else
# what the database has.
COLLATIONS = ["pg_c_utf8", "und-x-icu", "default"]


def create_words(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT collname FROM pg_collation WHERE collname = ANY (%s) ORDER BY array_position(%s, collname::text)",
            [COLLATIONS, COLLATIONS],
        )
        cursor.execute(WORDS.replace("COLLATION", cursor.fetchone()[0]))


def on_delete(clause):
    """Return SQL that gives the foreign key of search_assettext this clause: deleting an asset in SQL is enough."""
    return f"""
DO $$
DECLARE
    key text := (SELECT conname FROM pg_constraint WHERE conrelid = 'search_assettext'::regclass AND contype = 'f');
BEGIN
    EXECUTE format('ALTER TABLE search_assettext DROP CONSTRAINT %I', key);
    EXECUTE format('ALTER TABLE search_assettext ADD CONSTRAINT %I FOREIGN KEY (asset_id) REFERENCES assets_asset (id)'
        ' {clause} DEFERRABLE INITIALLY DEFERRED', key);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0002_right_search"),
        ("assets", "0002_names_and_smart_collections"),
    ]

    operations = [
        migrations.RunSQL(on_delete("ON DELETE CASCADE"), on_delete("")),
        migrations.RunPython(create_words, migrations.RunPython.noop),
        migrations.RunSQL(REFRESH + TURNS + TRIGGERS, UNDO),
    ]
