"""The strategies that a filtered ranking can follow, each alone, in SQL that the project's own querysets write."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.corpus import FAR_QUERIES, FAR_SHARES, SHARES, Corpus, slug_of

Rows = list[tuple[int, float]]
Strategy = Callable[[Any, np.ndarray, int], Rows]


@dataclass
class Case:
    """One cell of the table: a kind of query under a filter, with its queries and their true answers."""

    kind: str
    name: str
    k: int
    assets: list[Any]  # a queryset for each query
    vectors: np.ndarray
    # For each query the distances of the true nearest k, ascending.
    truth: list[np.ndarray]
    matches: int


def cases(corpus: Corpus, ks: Sequence[int] = (10, 50), filtered: bool = True) -> list[Case]:
    """Return every cell: both kinds, filters that keep shares at random and shares far from the query."""
    from assets.models import Asset, Collection, Tag

    everything = Asset.objects.all()
    library = corpus.vectors.astype(np.float32)
    found = []
    for kind in corpus.queries:
        asked = corpus.queries[kind].astype(np.float16).astype(np.float32)  # as the database compares them
        # Not 2 − 2 cos: rounded to 16 bits, vectors are no longer of length 1 to the digit that neighbours differ by.
        squares = (asked**2).sum(axis=1)[:, None] + (library**2).sum(axis=1) - 2 * asked @ library.T
        filters: list[tuple[str, list[Any], list[np.ndarray]]] = [
            ("100 %", [everything] * len(asked), [np.arange(len(library))] * len(asked))
        ]
        for share in SHARES if filtered else ():
            tag = Tag.objects.get(slug=slug_of(share))
            rows = np.array(tag.assets.order_by("pk").values_list("pk", flat=True)) - 1
            filters.append((f"{share} %", [everything.tagged(tag)] * len(asked), [rows] * len(asked)))
        for share in FAR_SHARES if filtered else ():
            far = [Collection.objects.get(slug=f"far-{kind}-{i}-{share}") for i in range(min(FAR_QUERIES, len(asked)))]
            ids = [np.array(c.assets.order_by("pk").values_list("pk", flat=True)) - 1 for c in far]
            filters.append((f"{share} % against", [everything.in_collection(c) for c in far], ids))
        for name, assets, members in filters:
            for k in ks:
                truth = [np.sqrt(np.maximum(np.sort(squares[i][rows])[:k], 0)) for i, rows in enumerate(members)]
                found.append(Case(kind, name, k, assets, asked[: len(assets)], truth, len(members[0])))
    return found


@dataclass
class Outcome:
    """What a strategy did in a case: mean recall@10, rows returned ÷ min(k, matches), milliseconds."""

    recall: float
    rows: float
    p50: float
    times: list[float]


def compare(case: Case, strategies: dict[str, Strategy], rounds: int = 1) -> dict[str, Outcome]:
    """Run every strategy on every query of the case, interleaved."""
    recalls: dict[str, list[float]] = {name: [] for name in strategies}
    shares: dict[str, list[float]] = {name: [] for name in strategies}
    times: dict[str, list[float]] = {name: [] for name in strategies}
    names, order = list(strategies), np.random.default_rng(0)
    for turn in range(rounds):
        for i, (assets, vector) in enumerate(zip(case.assets, case.vectors, strict=True)):
            for name in order.permutation(names):  # one evicts what another has read: nobody always follows the same
                start = time.perf_counter()
                rows = strategies[name](assets, vector, case.k)
                times[name].append(1000 * (time.perf_counter() - start))
                if turn == 0:
                    truth = case.truth[i]
                    best = truth[:10]
                    recalls[name].append(sum(d <= best[-1] + 1e-5 for _pk, d in rows[:10]) / max(len(best), 1))
                    shares[name].append(len(rows[: case.k]) / max(len(truth), 1))
    return {
        name: Outcome(statistics.mean(recalls[name]), min(shares[name]), statistics.median(times[name]), times[name])
        for name in strategies
    }


def exact(assets: Any, vector: np.ndarray, k: int) -> Rows:
    """Every matching row is compared."""
    from search import ranking
    from search.models import EmbeddingModel

    model = EmbeddingModel.objects.active()
    ranked = ranking.embedded(assets, model)
    distance = ranking._Unindexable(ranking._distance(vector, model))
    return list(ranked.annotate(distance=distance).order_by("distance", "pk").values_list("pk", "distance")[:k])


def index(settings: str, extra: int = 0) -> Strategy:
    """The HNSW index if the planner takes it, with these settings; ``extra`` rows more than asked for, sorted again."""

    def run(assets: Any, vector: np.ndarray, k: int) -> Rows:
        from django.db import connection, transaction

        from search import ranking
        from search.models import EmbeddingModel

        model = EmbeddingModel.objects.active()
        nearest = ranking.embedded(assets, model).annotate(distance=ranking._distance(vector, model))
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(";".join(f"SET LOCAL {setting}" for setting in settings.split("; ")))
            rows = list(nearest.order_by("distance").values_list("pk", "distance")[: k + extra])
        return sorted(rows, key=lambda row: (row[1], row[0])) if extra else rows

    return run


STOCK = "hnsw.iterative_scan = off; hnsw.ef_search = 40; hnsw.max_scan_tuples = 20000; hnsw.scan_mem_multiplier = 1"
naive = index(STOCK)


def relaxed(ef_search: int, extra: int, more: str = "") -> Strategy:
    return index(f"hnsw.iterative_scan = relaxed_order; hnsw.ef_search = {ef_search}{more}", extra)


def strict(ef_search: int, more: str = "") -> Strategy:
    return index(f"hnsw.iterative_scan = strict_order; hnsw.ef_search = {ef_search}{more}")


# What one might settle on for every query. With "forced" the planner may neither sort nor scan the whole table.
FORCED = "; enable_sort = off; enable_seqscan = off"
SINGLE = {
    "strict, ef 200": strict(200),
    "strict, ef 400": strict(400),
    "relaxed, ef 100": relaxed(100, 100),
    "relaxed, ef 200": relaxed(200, 200),
    "relaxed, ef 400": relaxed(400, 200),
    "relaxed, ef 200, forced": relaxed(200, 200, FORCED),
    "relaxed, ef 400, forced": relaxed(400, 200, FORCED),
    "exact": exact,
}


def main() -> None:
    from bench.corpus import arguments, ensure

    options = arguments(__doc__).parse_args()
    corpus = ensure(options.rows, options.data)
    strategies = {"naive": naive, **SINGLE}
    print(f"recall@k / smallest rows ÷ k / p50 ms\n{'':28}" + "".join(f"{name:>26}" for name in strategies))
    for case in cases(corpus):
        result = compare(case, strategies)
        cells = (f"{o.recall:.3f} /{o.rows:5.2f} /{o.p50:7.1f}" for o in result.values())
        print(f"{case.kind:6} {case.name:14} k {case.k:<4} " + "".join(f"{cell:>26}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
