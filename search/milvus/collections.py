"""The collections in Milvus: one row for each embedding, with its vector and what searches narrow by.

Distances are not read: Milvus says which vectors are near, the database how far they are.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import numpy as np
from django.conf import settings

from search.milvus.client import NOT_LOADED, milvus

T = TypeVar("T")

# What Milvus returns at most.
MOST = 16_384
# As pgvector's own m; built more carefully, because it is built elsewhere.
GRAPH = {"M": 16, "efConstruction": 200}
# What workers wait for: batches, indexes that are loaded.
BULK_SECONDS = 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No embedding's id: the row that says what the collection was told of last.
MARK = 0


class Row(NamedTuple):
    """An embedding and, of its asset, what searches narrow by."""

    id: int
    asset: int
    kind: str
    created_at: datetime
    vector: np.ndarray


def new_name(model_id: int) -> str:
    """Return a name that no collection has: several libraries may share one Milvus."""
    return f"dam_{model_id}_{secrets.token_hex(6)}"


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def create(name: str, dimensions: int) -> None:
    from pymilvus import DataType

    with milvus() as client:
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("asset", DataType.INT64)
        schema.add_field("kind", DataType.VARCHAR, max_length=16)
        schema.add_field("created_at", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
        indexes = client.prepare_index_params()
        indexes.add_index("vector", index_type="HNSW", metric_type="L2", params=GRAPH)
        for field in ("asset", "kind", "created_at"):
            indexes.add_index(field, index_type="INVERTED")
        client.create_collection(name, schema=schema, timeout=BULK_SECONDS)
        client.create_index(
            name, index_params=indexes, timeout=BULK_SECONDS, sync=False
        )  # there is nothing to wait for
        client.load_collection(name, timeout=BULK_SECONDS)


def exists(name: str) -> bool:
    with milvus() as client:
        return client.has_collection(name, timeout=settings.DAM_MILVUS_SECONDS)


def drop(name: str) -> None:
    with milvus() as client:
        client.drop_collection(name, timeout=BULK_SECONDS)


def upsert(name: str, rows: Sequence[Row]) -> None:
    data = [row._asdict() | {"created_at": microseconds(row.created_at)} for row in rows]
    with milvus() as client:
        client.upsert(name, data, timeout=BULK_SECONDS)


def mark(dimensions: int, told: int) -> Row:
    """Return the row that says what a collection was told of last; it goes wherever the collection is copied to."""
    return Row(MARK, told, "", EPOCH, np.zeros(dimensions, np.float32))


def marked(name: str) -> int:
    """Return what a collection was told of last, or 0; raise Missing where there is no collection."""

    def ask(client: Any) -> Any:
        return client.query(
            name, filter=f"id == {MARK}", output_fields=["asset"], consistency_level="Strong", timeout=BULK_SECONDS
        )

    return next((int(row["asset"]) for row in _loaded(name, ask)), 0)


def delete(name: str, ids: Sequence[int]) -> None:
    with milvus() as client:
        client.delete(name, ids=list(ids), timeout=BULK_SECONDS)


def settle(name: str) -> None:
    """Have what was written so far indexed."""
    with milvus() as client:
        client.flush(name, timeout=BULK_SECONDS)


def count(name: str) -> int:
    """Return how many embeddings there are, of everything that was written before."""

    def ask(client: Any) -> Any:
        return client.query(
            name, filter=f"id != {MARK}", output_fields=["count(*)"], consistency_level="Strong", timeout=BULK_SECONDS
        )

    return int(_loaded(name, ask)[0]["count(*)"])


def nearest(name: str, vector: np.ndarray, limit: int, condition: str, ef_search: int) -> list[int]:
    """Return the ids of the ``limit`` embeddings nearest to ``vector`` among those that fulfil the condition."""

    def ask(client: Any) -> Any:
        return client.search(
            name,
            data=[np.ascontiguousarray(vector, np.float32)],
            anns_field="vector",
            filter=condition,
            limit=min(limit, MOST),
            search_params={"params": {"ef": max(ef_search, limit)}},
            output_fields=[],
            timeout=settings.DAM_MILVUS_SECONDS,
        )

    return [hit["id"] for hit in _loaded(name, ask)[0]]


def _loaded(name: str, ask: Callable[[Any], T]) -> T:
    """Ask, and once more after loading a collection that is not: a server that was started again may need that."""
    from pymilvus import MilvusException

    with milvus() as client:
        try:
            return ask(client)
        except MilvusException as error:
            if error.code != NOT_LOADED:
                raise
            client.load_collection(name, timeout=BULK_SECONDS)
            return ask(client)
