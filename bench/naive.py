"""What somebody would write by hand with pgvector's documentation open: a stock table, an index, a statement."""

import time
from collections.abc import Sequence
from typing import Any

TABLE = "bench_naive"
# As the project's own settings for a page of 50, so that both look for the same assets.
TUNED = ("hnsw.iterative_scan = relaxed_order", "hnsw.ef_search = 400")
PAGE = """
WITH near AS MATERIALIZED (
    SELECT asset_id, (vector::halfvec(512)) <-> %(q)s AS distance FROM search_embedding
    WHERE model_id = {model} AND segment = 0 AND vector IS NOT NULL ORDER BY (vector::halfvec(512)) <-> %(q)s LIMIT 50
)
SELECT a.id, title, description, kind, mime_type, filename, size, sha256, width, height, state, problem, metadata,
    a.created_at, updated_at, taken_at, username, near.distance,
    ARRAY(SELECT slug FROM assets_tag t JOIN assets_asset_tags l ON l.tag_id = t.id
        WHERE l.asset_id = a.id ORDER BY name),
    ARRAY(SELECT slug FROM assets_collection c JOIN assets_collection_assets l ON l.collection_id = c.id
        WHERE l.asset_id = a.id ORDER BY name),
    ARRAY(SELECT preset FROM assets_rendition r WHERE r.asset_id = a.id ORDER BY r.id)
FROM near JOIN assets_asset a ON a.id = near.asset_id LEFT JOIN auth_user u ON u.id = a.uploaded_by_id
ORDER BY near.distance
"""


def page_of_50(vector: str, model_id: int, settings: Sequence[str] = TUNED) -> list[Any]:
    """Fetch what a page of 50 results shows, in one statement."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(";".join(f"SET LOCAL {setting}" for setting in settings))
        cursor.execute(PAGE.format(model=model_id), {"q": vector})
        return cursor.fetchall()


def make_naive(cursor: Any, corpus: Any) -> float:
    """Make the stock table (vectors beside the texts) and its index, once; return the seconds of the index."""
    cursor.execute("SELECT to_regclass(%s), obj_description(to_regclass(%s))", [f"{TABLE}_hnsw", f"{TABLE}_hnsw"])
    there, seconds = cursor.fetchone()
    if there and seconds:
        return float(seconds)
    cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
    cursor.execute(f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY, description text, embedding vector(512))")
    cursor.execute(
        f"INSERT INTO {TABLE} SELECT asset_id, description, vector::vector(512) FROM search_embedding"
        f" JOIN assets_asset ON asset_id = assets_asset.id WHERE model_id = {corpus.model.pk}"
    )
    start = time.perf_counter()
    cursor.execute(f"CREATE INDEX {TABLE}_hnsw ON {TABLE} USING hnsw (embedding vector_l2_ops)")
    taken = time.perf_counter() - start
    cursor.execute(f"COMMENT ON INDEX {TABLE}_hnsw IS '{taken:.1f}'")
    return taken


def hand_written_index(cursor: Any, model_id: int) -> None:
    """What ``EmbeddingModel.create_index`` does, by hand."""
    cursor.execute("SET maintenance_work_mem = '512MB'")
    cursor.execute(
        f"CREATE INDEX CONCURRENTLY embedding_hnsw_{model_id} ON search_embedding"
        f" USING hnsw ((vector::halfvec(512)) halfvec_l2_ops) WHERE model_id = {model_id}"
    )
    cursor.execute("RESET maintenance_work_mem")
