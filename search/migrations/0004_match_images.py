from django.db import migrations

# The threshold is applied to what the index found, not in the scan: there it would make the scan go on through the
# whole index when fewer rows than match_count are near enough.
CREATE = """
CREATE FUNCTION match_images(query_embedding vector, match_threshold double precision, match_count integer)
RETURNS TABLE (id bigint, image text, similarity double precision)
LANGUAGE plpgsql STABLE
SET hnsw.iterative_scan = 'relaxed_order'
SET hnsw.ef_search = 400
AS $function$
DECLARE
    model search_embeddingmodel;
BEGIN
    SELECT * INTO model FROM search_embeddingmodel WHERE state = 'active';
    IF model.id IS NULL THEN
        RAISE EXCEPTION 'match_images: no embedding model is active' USING HINT = 'Run manage.py register_model.';
    END IF;
    IF vector_dims(query_embedding) <> model.dimensions THEN
        RAISE EXCEPTION 'match_images: the query has % dimensions, the model % has %',
            vector_dims(query_embedding), model.name, model.dimensions;
    END IF;
    IF vector_norm(query_embedding) = 0 THEN
        RAISE EXCEPTION 'match_images: the query is a vector of zeros';
    END IF;
    IF match_count IS NULL OR match_count NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'match_images: match_count must be from 1 to 10000, not %', match_count;
    END IF;
    -- The model's id and the cast are spelled as in its partial index: only then it serves the query.
    RETURN QUERY EXECUTE format($query$
        SELECT asset.id, coalesce(nullif(asset.title, ''), asset.filename)::text, nearest.similarity
        FROM (
            SELECT asset_id, 1 - distance * distance / 2 AS similarity
            FROM (
                SELECT asset_id, vector::halfvec(%1$s) <-> $1::halfvec(%1$s) AS distance
                FROM search_embedding
                WHERE model_id = %2$s AND segment = 0 AND vector IS NOT NULL
                ORDER BY vector::halfvec(%1$s) <-> $1::halfvec(%1$s)
                LIMIT $3 + 200
            ) AS found
        ) AS nearest
        JOIN assets_asset AS asset ON asset.id = nearest.asset_id
        WHERE nearest.similarity >= $2
        ORDER BY nearest.similarity DESC, asset.id
        LIMIT $3
    $query$, model.dimensions, model.id)
    USING l2_normalize(query_embedding), coalesce(match_threshold, -1), match_count;
END
$function$;
COMMENT ON FUNCTION match_images IS
    'The assets most similar to a query vector of the active model, most similar first: those of at least this cosine.';
"""


class Migration(migrations.Migration):
    dependencies = [("search", "0003_asset_text")]

    operations = [
        migrations.RunSQL(CREATE, "DROP FUNCTION match_images(vector, double precision, integer)"),
    ]
