"""A library of N assets with vectors like real ones: `python -m bench.corpus --rows 100000 [--data DIRECTORY]`.

Made once per data directory. Tags of chosen selectivity are given at random; the collections ``far-…`` hold, for some
of the queries, the rows farthest from each of them.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench.database import connect
from bench.vectors import Space

CACHE = Path(".cache/bench")
SHARES = (50, 20, 10, 5, 1, 0.1)
FAR_SHARES = (10, 1)
QUERIES, FAR_QUERIES = 60, 20
WORDS = (
    *("river", "stone", "market", "garden", "evening", "winter", "bridge"),
    *("forest", "harbour", "kitchen", "window", "mountain", "paper", "street"),
)


@dataclass
class Corpus:
    """A library in the connected database: its model and its vectors by asset id − 1, float16 (n, 512)."""

    model: Any
    vectors: np.ndarray
    queries: dict[str, np.ndarray]  # "text" and "image": float32 (QUERIES, 512)
    info: dict[str, Any]  # seconds and bytes, measured while it was made


def queries_of(space: Space) -> dict[str, np.ndarray]:
    every = max(1, len(space.texts) // QUERIES)
    return {"text": space.texts[::every][:QUERIES], "image": space.held_out[:QUERIES]}


def ensure(rows: int, data: Path | None = None, scenes: int = 8000) -> Corpus:
    """Connect to the library of ``rows`` assets in ``data``, and fill it unless that was done before."""
    data = data or CACHE / f"library-{rows}"
    connect(data)
    space = Space.load(CACHE / f"space-{scenes}.npz", scenes)
    vectors, queries = space.extended(rows), queries_of(space)
    from search.models import EmbeddingModel

    done = data / "corpus.json"
    if not done.exists():
        print(space.compare(vectors), flush=True)
        done.write_text(json.dumps(_fill(vectors, queries)))
    return Corpus(EmbeddingModel.objects.active(), vectors, queries, json.loads(done.read_text()))


def _fill(vectors: np.ndarray, queries: dict[str, np.ndarray]) -> dict[str, Any]:
    from assets.models import Asset, Collection, Rendition, Tag
    from search.models import Embedding, EmbeddingModel

    EmbeddingModel.objects.all().delete()
    model = EmbeddingModel.objects.create(name="emoji-scenes", dimensions=512, state="active")
    rng, n = np.random.default_rng(3), len(vectors)
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        start = time.perf_counter()
        work()
        seconds[name] = round(time.perf_counter() - start, 2)
        print(f"{name}: {seconds[name]} s", flush=True)

    tags = {share: Tag.objects.create(name=f"keeps {share}", slug=slug_of(share)).pk for share in SHARES}
    links = ((i + 1, pk) for share, pk in tags.items() for i in np.flatnonzero(rng.random(n) < share / 100).tolist())
    with _without_triggers(Asset, Asset.tags.through):
        timed("assets", lambda: _copy(Asset, ASSET_COLUMNS, _assets(n, rng)))
        timed("tags", lambda: _copy(Asset.tags.through, ["asset_id", "tag_id"], links))
    timed("renditions", lambda: _sql(RENDITIONS.format(table=Rendition._meta.db_table)))
    timed("texts", lambda: _sql("SELECT dam_refresh_texts((SELECT array_agg(id) FROM assets_asset))"))
    timed("far collections", lambda: _far(Collection, vectors, queries))
    columns = ["asset_id", "model_id", "segment", "state", "attempts", "problem", "vector"]
    timed("vectors", lambda: _copy(Embedding, columns, _embeddings(model.pk, vectors), VECTOR_TYPES))
    _sql("VACUUM ANALYZE")
    timed("index", model.create_index)
    return {"rows": n, "seconds": seconds}


def slug_of(share: float) -> str:
    return f"keeps-{share}".replace(".", "-")


ASSET_COLUMNS = [
    *("state", "attempts", "problem", "original", "filename", "title", "description", "sha256", "size", "mime_type"),
    *("kind", "width", "height", "metadata", "created_at", "updated_at"),
]
VECTOR_TYPES = ["int8", "int8", "int4", "varchar", "int2", "text", "halfvec"]
RENDITIONS = """
INSERT INTO {table} (asset_id, preset, segment, file, mime_type, width, height, size)
SELECT id, preset, 0, preset || '/' || sha256 || '.webp', 'image/webp', side, side, side * 40
FROM assets_asset, (VALUES ('preview', 1024), ('thumbnail', 320)) AS presets (preset, side)
"""


def _assets(n: int, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    start, picked = datetime(2020, 1, 1, tzinfo=UTC), rng.integers(len(WORDS), size=(n, 3))
    for i in range(n):
        digest, (a, b, c) = hashlib.sha256(str(i).encode()).hexdigest(), picked[i]
        title, filename = f"{WORDS[a]} {WORDS[b]} {i}", f"IMG_{i:06}.jpg"
        moment = start + timedelta(minutes=20 * i)
        yield (
            *("ready", 1, "", f"{digest[:2]}/{digest}", filename, title, f"A {WORDS[c]} by the {WORDS[a]}.", digest),
            *(100_000 + i, "image/jpeg", "image", 2048, 1536, "{}", moment, moment),
        )


def _embeddings(model_id: int, vectors: np.ndarray) -> Iterator[tuple[Any, ...]]:
    from pgvector import HalfVector

    for i, vector in enumerate(vectors, 1):
        yield i, model_id, 0, "ready", 1, "", HalfVector(vector)


def _far(collections: Any, vectors: np.ndarray, queries: dict[str, np.ndarray]) -> None:
    links: list[tuple[int, int]] = []
    for kind, asked in queries.items():
        similar = asked[:FAR_QUERIES] @ vectors.astype(np.float32).T
        for i, row in enumerate(similar):
            order = np.argsort(row)
            for share in FAR_SHARES:
                far = collections.objects.create(name=f"far {kind} {i} {share}", slug=f"far-{kind}-{i}-{share}")
                links += [(far.pk, pk + 1) for pk in order[: int(len(row) * share / 100)].tolist()]
    _copy(collections.assets.through, ["collection_id", "asset_id"], links)


def _sql(statement: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)


def _copy(model: Any, columns: list[str], rows: Iterable[tuple[Any, ...]], types: list[str] | None = None) -> None:
    """COPY rows into a model's table; binary when the types of the columns are given."""
    from django.db import connection
    from pgvector.psycopg import register_vector

    connection.ensure_connection()
    raw: Any = connection.connection
    register_vector(raw)
    form = " WITH (FORMAT binary)" if types else ""
    with raw.cursor() as cursor:
        statement = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN{form}"
        with cursor.copy(statement) as copy:
            if types:
                copy.set_types(types)
            for row in rows:
                copy.write_row(row)


class _without_triggers:
    """Load faster: what the triggers of these tables would have done follows in one pass."""

    def __init__(self, *models: Any) -> None:
        self.tables = [model._meta.db_table for model in models]

    def __enter__(self) -> None:
        for table in self.tables:
            _sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")

    def __exit__(self, *error: object) -> None:
        for table in self.tables:
            _sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def arguments(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--data", type=Path, help="data directory of the database (default: .cache/bench/…)")
    return parser


if __name__ == "__main__":
    options = arguments(__doc__).parse_args()
    print(json.dumps(ensure(options.rows, options.data).info, indent=2))
