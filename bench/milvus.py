"""Milvus beside pgvector as the index, over the same library: what each finds, and how long it takes.

    python -m bench.milvus --rows 20000        (the library is made on the first run and kept)

Vectors are synthetic (clusters in 512 dimensions), the Milvus is milvus-lite in this process. It goes through every row
in Python for each search: its times say nothing of a server. What it finds, and what the database adds on top, is what
a server would do as well.
"""

import argparse
import hashlib
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.corpus import CACHE
from bench.database import connect

QUERIES, K, DIMENSIONS = 20, 10, 512
MADE = "bench-milvus"


def make(rows: int) -> Any:
    """Insert ``rows`` assets with vectors, a tenth and a hundredth of them tagged at random; return the model."""
    from datetime import UTC, datetime, timedelta

    from assets.models import Asset, Tag
    from search.models import Embedding, EmbeddingModel

    if known := EmbeddingModel.objects.filter(name=MADE).first():
        return known
    rng, start = np.random.default_rng(4), datetime(2024, 1, 1, tzinfo=UTC)
    vectors = rng.normal(size=(200, DIMENSIONS))[rng.integers(200, size=rows)] + rng.normal(size=(rows, DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assets = Asset.objects.bulk_create(
        (
            Asset(original=f"{n}", filename=f"{n}.jpg", sha256=hashlib.sha256(b"%d" % n).hexdigest(), size=1,
                  mime_type="image/jpeg", kind="image", state="ready", created_at=start + timedelta(minutes=n))
            for n in range(rows)
        ),
        batch_size=2000,
    )  # fmt: skip
    for share in (10, 1):
        Tag.named(f"keeps {share}").assets.set([assets[i] for i in np.flatnonzero(rng.random(rows) < share / 100)])
    model = EmbeddingModel.objects.create(name=MADE, dimensions=DIMENSIONS, state="active")
    made = zip(assets, vectors.astype(np.float16), strict=True)
    Embedding.objects.bulk_create(
        (Embedding(asset=asset, model=model, vector=vector, state="ready") for asset, vector in made), batch_size=2000
    )
    return model


def filters(rows: int) -> dict[str, Any]:
    from assets.models import Asset

    newest = [asset.created_at for asset in Asset.objects.order_by("-created_at")[: rows // 10]]
    everything = Asset.objects.all()
    return {
        "none": everything,
        "10 %, a date (Milvus knows it)": everything.filter(created_at__gte=newest[-1]),
        "1 %, a date": everything.filter(created_at__gte=newest[rows // 100 - 1]),
        "10 %, a tag (the database alone)": everything.tagged("keeps 10"),
        "1 %, a tag": everything.tagged("keeps 1"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    data = CACHE / f"milvus-{options.rows}"
    connect(data)

    from django.conf import settings
    from django.db import connection

    from search import indexes, ranking, recall
    from search.milvus import collections, mirror
    from search.models import Mirror

    settings.DAM_MILVUS_URI, settings.DAM_MILVUS_SECONDS = str(data / "milvus.db"), 30
    model = make(options.rows)
    for name, build in (("pgvector", indexes.build), ("milvus", mirror.build)):
        start = time.perf_counter()
        build(model)
        print(f"{name}: its index took {time.perf_counter() - start:.1f} s")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SELECT pg_relation_size(%s)", [indexes.name_of(model)])
        in_postgres = cursor.fetchone()[0]
    in_milvus = sum(path.stat().st_size for path in Path(settings.DAM_MILVUS_URI).rglob("*") if path.is_file())
    print(
        f"bytes a row: pgvector's index {in_postgres / options.rows:.0f}, milvus {in_milvus / options.rows:.0f} on disk"
    )
    assert collections.count(Mirror.objects.get(model=model).collection) == options.rows

    asked = recall._between_pictures(model, QUERIES)
    routes = {
        "exact": ("pgvector", recall.exactly(model)),
        "pgvector": ("pgvector", recall.by_index(model)),
        "milvus": ("milvus", recall.by_index(model)),
    }
    print(f"\n{'filter':36}{'exact, ms':>10}{'pgvector: recall@10, ms, by':>34}{'milvus: recall@10, ms, by':>34}")
    for name, assets in filters(options.rows).items():
        times: dict[str, list[float]] = {route: [] for route in routes}
        found: dict[str, list[float]] = {route: [] for route in routes}
        modes: dict[str, set[str]] = {route: set() for route in routes}
        for query in asked[:1] + asked:  # the first warms up
            true: list[tuple[int, float]] = []
            for route, (settings.DAM_INDEX, as_model) in routes.items():
                start = time.perf_counter()
                near = ranking.neighbours(assets, query, K, as_model)
                times[route].append(1000 * (time.perf_counter() - start))
                true = true or near.rows
                modes[route].add(near.mode)
                found[route].append(sum(far <= true[-1][1] + recall.TIE for _pk, far in near.rows) / len(true))
        middle = {route: statistics.median(taken[1:]) for route, taken in times.items()}
        columns = [
            f"{statistics.mean(found[route]):16.3f}{middle[route]:9.1f}  {'/'.join(sorted(modes[route])):7}"
            for route in ("pgvector", "milvus")
        ]
        print(f"{name:36}{middle['exact']:10.1f}{columns[0]:>34}{columns[1]:>34}", flush=True)


if __name__ == "__main__":
    main()
