"""IVFFlat beside HNSW: `python -m bench.ivfflat [--rows 6000]`, in a database of its own, in less than a minute.

The vectors are synthetic: unit vectors of 384 dimensions in clusters, as descriptions of products are. Four fifths are
there when the indexes are built; the last fifth comes later and in clusters of its own, as next season's products do.
IVFFlat has 100 lists and one probe, which is what it does unless told otherwise, and ten, the root of its lists.

How to read it: `recall` is the share of the ten nearest rows, as an exact scan knows them, that are found. `later` is
the recall of queries whose answers came after the build: IVFFlat keeps the centres that it found while it was built.
`filter` asks for 1 % of the rows: an index is read first and filtered afterwards, so that fewer than ten may be left
(`rows`); here, so few rows are compared one by one. `ms` is the median over all queries without a filter. Trust the
ratios. Exits with 1 if what is done here finds less than IVFFlat anywhere.
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from pgvector import HalfVector, Vector
from pgvector.psycopg import register_vector

from dam import postgres

DIMENSIONS, LATER, QUERIES, SHOPS, NEAREST, LISTS = 384, 0.2, 60, 100, 10, 100


@dataclass(frozen=True)
class Way:
    """An index and how it is asked."""

    name: str
    table: str
    settings: dict[str, str]
    compares_few: bool = False  # every row one by one, where a filter leaves few


@dataclass
class Found:
    recall: float
    rows: float
    ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=6_000)
    options = parser.parse_args()
    if not 2_000 <= options.rows <= 100_000:
        parser.error("--rows must be from 2,000 to 100,000")
    # Not below a folder that is closed to others: the embedded server of a superuser runs as another user.
    with tempfile.TemporaryDirectory(prefix="dam-ivfflat-", ignore_cleanup_errors=True) as folder:
        server = postgres.start(Path(folder))
        try:
            place = postgres.connection(Path(folder))
            with psycopg.connect(
                dbname=place["NAME"], user=place["USER"], host=place["HOST"], autocommit=True
            ) as connection:
                missed = compare(connection, options.rows)
        finally:
            server.stop()
    sys.exit(1 if missed else 0)


def compare(connection: psycopg.Connection[Any], rows: int) -> bool:
    """Print the table; return whether HNSW found less than IVFFlat anywhere."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    register_vector(connection)
    connection.execute("SET maintenance_work_mem = '512MB'")
    connection.execute("SET enable_seqscan = off")  # an index is asked even where reading everything would be as quick
    vectors, queries, later_queries = made(rows)
    built = round(rows * (1 - LATER))
    ways = [
        Way(f"IVFFlat, lists {LISTS}, probes 1", "ivf", {"ivfflat.probes": "1"}),
        Way(f"IVFFlat, lists {LISTS}, probes 10", "ivf", {"ivfflat.probes": "10"}),
        Way("HNSW as it comes, ef_search 40", "hnsw", {"hnsw.iterative_scan": "off", "hnsw.ef_search": "40"}),
        Way(
            "HNSW as here", "hnsw", {"hnsw.iterative_scan": "relaxed_order", "hnsw.ef_search": "200"}, compares_few=True
        ),
    ]
    seconds = {table: fill(connection, table, vectors, built) for table in ("ivf", "hnsw")}
    exact = (queries, later_queries)
    truth = [nearest_of(vectors, asked) for asked in exact]
    shop = np.flatnonzero(np.arange(rows) % SHOPS == 7)
    among = [[int(shop[i]) for i in row] for row in nearest_of(vectors[shop], queries)]
    print(f"{rows:,} rows, {built:,} of them there when the index is built; {QUERIES} queries of each kind")
    print(f"{'':34}{'build s':>9}{'insert ms':>11}{'recall':>9}{'later':>9}{'filter':>9}{'rows':>7}{'ms':>8}")
    table: dict[str, tuple[float, float, float]] = {}
    for way in ways:
        found = ask(connection, way, queries, truth[0])
        later = ask(connection, way, later_queries, truth[1])
        filtered = ask(connection, way, queries, among, "WHERE shop = 7")
        build, insert = seconds[way.table]
        print(
            f"{way.name:34}{build:9.1f}{insert:11.2f}{found.recall:9.3f}{later.recall:9.3f}{filtered.recall:9.3f}"
            f"{filtered.rows:7.1f}{found.ms:8.2f}"
        )
        table[way.name] = found.recall, later.recall, filtered.recall
    *ivfflat, _stock, here = table.values()
    missed = any(ours < theirs for one in ivfflat for ours, theirs in zip(here, one, strict=True))
    print(
        f"HNSW as here finds {'LESS than IVFFlat somewhere' if missed else 'at least what IVFFlat finds, everywhere'}."
    )
    return missed


def made(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return unit vectors (rows, 384), the later ones last, and queries (n, 384) for all and for the later ones."""
    rng = np.random.default_rng(11)
    built = round(rows * (1 - LATER))
    centres = rng.normal(size=(250, DIMENSIONS))
    of = np.concatenate([rng.integers(0, 200, built), rng.integers(200, 250, rows - built)])
    # A cluster is spread along a few directions, as texts about one thing are, and a little along all.
    inner = rng.normal(size=(250, 12, DIMENSIONS)) / np.sqrt(12)
    spread = np.einsum("nk,nkd->nd", rng.normal(size=(rows, 12)), inner[of], optimize=True)
    vectors = unit(centres[of] + 0.9 * spread + 0.25 * rng.normal(size=(rows, DIMENSIONS)))

    def near(some: np.ndarray) -> np.ndarray:
        chosen = vectors[rng.choice(some, QUERIES, replace=False)]
        return unit(chosen + 0.6 * unit(rng.normal(size=chosen.shape)))

    return vectors, near(np.arange(built)), near(np.arange(built, rows))


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def nearest_of(vectors: np.ndarray, queries: np.ndarray) -> list[list[int]]:
    """Return the exact answers: the rows of the nearest vectors, by query."""
    order = np.argsort(-(queries @ vectors.T), axis=1)[:, :NEAREST]
    return [row.tolist() for row in order]


def fill(connection: psycopg.Connection[Any], table: str, vectors: np.ndarray, built: int) -> tuple[float, float]:
    """Fill a table, index it, add the later rows; return the seconds of the build and the ms of a later row."""
    kind, of = ("vector", Vector) if table == "ivf" else ("halfvec", HalfVector)
    connection.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, shop int, embedding {kind}({DIMENSIONS}))")

    def add(first: int, last: int) -> None:
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN WITH (FORMAT binary)") as copy:
            copy.set_types(["int4", "int4", kind])
            for i in range(first, last):
                copy.write_row((i, i % SHOPS, of(vectors[i])))

    add(0, built)
    how = f"ivfflat (embedding vector_l2_ops) WITH (lists = {LISTS})"
    if table == "hnsw":
        how = "hnsw (embedding halfvec_l2_ops)"
    start = time.perf_counter()
    connection.execute(f"CREATE INDEX ON {table} USING {how}")
    build = time.perf_counter() - start
    start = time.perf_counter()
    add(built, len(vectors))
    insert = (time.perf_counter() - start) / (len(vectors) - built) * 1000
    connection.execute(f"ANALYZE {table}")
    return build, insert


def ask(
    connection: psycopg.Connection[Any], way: Way, queries: np.ndarray, truth: list[list[int]], where: str = ""
) -> Found:
    """Ask every query; a plan that is not what the way says is an error."""
    for name, value in way.settings.items():
        connection.execute(f"SET {name} = '{value}'")
    one_by_one = bool(where) and way.compares_few
    distance = "(embedding <-> %s) + 0" if one_by_one else "embedding <-> %s"
    statement = f"SELECT id FROM {way.table} {where} ORDER BY {distance} LIMIT {NEAREST}"
    of = Vector if way.table == "ivf" else HalfVector
    plan = connection.execute(f"EXPLAIN {statement}", [of(queries[0])]).fetchall()
    if one_by_one == any("embedding_idx" in line for (line,) in plan):
        raise RuntimeError(f"{way.name} is asked otherwise: {plan}")
    shares, rows, times = [], [], []
    for query, right in zip(queries, truth, strict=True):
        argument = of(query)
        start = time.perf_counter()
        answer = [pk for (pk,) in connection.execute(statement, [argument])]
        times.append((time.perf_counter() - start) * 1000)
        shares.append(len(set(answer) & set(right)) / len(right))
        rows.append(len(answer))
    return Found(statistics.mean(shares), statistics.mean(rows), statistics.median(times))


if __name__ == "__main__":
    main()
