"""What descriptions say, for the spaces that embed them: noticed under any SQL when it changes.

``search_assettext.described`` is the digest of it; the triggers of migration 0003 keep that too. What a vector was
made of stands in ``search_embedding.described``: where the two differ, it is owed again (``search.descriptions``).
"""

from importlib import import_module

from django.db import migrations, models

# No model reads more of a text.
LONGEST = 20_000

DESCRIPTIONS = rf"""
CREATE FUNCTION dam_tag_names(ids bigint[]) RETURNS TABLE (asset_id bigint, names text[])
LANGUAGE sql STABLE AS $$
-- The names of the assets' tags and of the tags above them. UNION, not UNION ALL: a circle of tags would never end.
    WITH RECURSIVE carried(asset_id, tag_id) AS (
        SELECT link.asset_id, link.tag_id FROM assets_asset_tags AS link WHERE link.asset_id = ANY (ids)
        UNION
        SELECT carried.asset_id, parent_id FROM carried JOIN assets_tag ON id = tag_id WHERE parent_id IS NOT NULL
    )
    SELECT carried.asset_id, array_agg(name ORDER BY tag_id)
    FROM carried JOIN assets_tag ON id = tag_id GROUP BY carried.asset_id
$$;

CREATE FUNCTION dam_description(title text, description text, tags text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
-- What a model of descriptions is given: title, description and tags, each on a line of its own; NULL without any.
SELECT nullif(left(concat_ws(
    E'\n',
    nullif(btrim(title, E' \t\r\n'), ''),
    nullif(btrim(description, E' \t\r\n'), ''),
    array_to_string(tags, ', ')
), {LONGEST}), '')
$$;

CREATE OR REPLACE FUNCTION dam_refresh_texts(ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(cardinality(ids), 0) = 0 THEN
        RETURN;
    END IF;
    PERFORM FROM search_assettext WHERE asset_id = ANY (ids) ORDER BY asset_id FOR NO KEY UPDATE;
    INSERT INTO search_assettext AS text (asset_id, document, described)
    SELECT
        id,
        dam_document(title, array_to_string(names, ' a '), description, filename),
        sha256(convert_to(dam_description(title, description, names), 'UTF8'))
    FROM assets_asset LEFT JOIN dam_tag_names(ids) ON asset_id = id
    WHERE id = ANY (ids)
    ORDER BY id
    ON CONFLICT (asset_id) DO UPDATE SET document = EXCLUDED.document, described = EXCLUDED.described
        WHERE text.document IS DISTINCT FROM EXCLUDED.document OR text.described IS DISTINCT FROM EXCLUDED.described;
END $$;

SELECT dam_refresh_texts((SELECT array_agg(id) FROM assets_asset));
"""

before = import_module("search.migrations.0003_asset_text").REFRESH.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
UNDO = before + "DROP FUNCTION dam_tag_names, dam_description;"


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0006_remote_calls"),
    ]

    operations = [
        migrations.AddField(
            "assettext", "described", models.BinaryField(editable=False, max_length=32, null=True)
        ),
        migrations.AddField(
            "embedding", "described", models.BinaryField(editable=False, max_length=32, null=True)
        ),
        migrations.RunSQL(DESCRIPTIONS, UNDO),
    ]
