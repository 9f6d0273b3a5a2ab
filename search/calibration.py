"""What a ranking by the index needs to be right, and up to where comparing every row beats it, measured here.

First the recall of sampled queries with more and more candidates: the first number that suffices becomes
``EmbeddingModel.ef_search``. Then rankings under filters that keep more and more of the library at random, each once
exactly and once by the index, by the statements that searches run: the last size at which exact was no slower becomes
``EmbeddingModel.exact_rows``.
"""

import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from assets.models import Asset
from search import ranking, recall
from search.models import Embedding, EmbeddingModel

SIZES = (500, 1000, 2000, 3000, 5000, 7500, 10_000, 15_000, 20_000, 30_000, 50_000, 75_000, 100_000)
LEAST, MOST = 1000, 100_000  # what is stored lies between; outside, the clock was disturbed
SMALLEST_LIBRARY = 10_000
QUERIES = 12
CANDIDATES = (200, 300, 400, 600, 800)
# Above the 0.95 that every ranking is to reach: some are harder than those that were sampled.
RECALL, RECALL_QUERIES = 0.975, 80


class Timing(NamedTuple):
    """Median milliseconds of a ranking among ``rows`` matching rows, exact and by the index."""

    rows: int
    exact_ms: float
    index_ms: float


def calibrate(model: EmbeddingModel, queries: int = QUERIES) -> list[Timing]:
    """Measure, and store where the two cross; an empty list, and nothing stored, for a library below 10,000 vectors."""
    if Embedding.objects.ranked_by(model).count() < SMALLEST_LIBRARY:
        model.exact_rows = model.ef_search = None
        timings = []
    else:
        model.ef_search = candidates(model)
        timings = list(measure(model, queries))
        model.exact_rows = crossing(timings)
    model.save(update_fields=["exact_rows", "ef_search"])
    return timings


def candidates(model: EmbeddingModel) -> int:
    """Return how many candidates find enough of what is nearest to sampled texts and pictures."""
    asked = recall.sample(model, RECALL_QUERIES)
    for ef_search in CANDIDATES:
        if recall.of_index(model, asked, ef_search) >= RECALL:
            break
    return ef_search


def measure(model: EmbeddingModel, queries: int = QUERIES) -> Iterator[Timing]:
    """Yield timings of growing sizes, up to the library's own or to where exact takes three times as long."""
    library = Embedding.objects.ranked_by(model).count()
    asked = recall.sample(model, queries)
    for rows in [size for size in SIZES if size < library] + [library]:
        timing = _timing(model, rows, library, asked)
        yield timing
        if rows >= MOST or timing.exact_ms > 3 * timing.index_ms:
            return


def crossing(timings: list[Timing]) -> int | None:
    """Return up to how many rows exact is no slower, within the bounds; None when nothing was measured."""
    if not timings:
        return None
    last = max((i for i, timing in enumerate(timings) if timing.exact_ms <= timing.index_ms), default=None)
    if last is None:
        rows = LEAST
    elif last == len(timings) - 1:
        rows = timings[-1].rows
    else:  # somewhere before the next size: where the straight lines cross
        before, after = timings[last], timings[last + 1]
        ahead, behind = before.index_ms - before.exact_ms, after.exact_ms - after.index_ms
        rows = round(before.rows + (after.rows - before.rows) * ahead / (ahead + behind))
    return min(max(rows, LEAST), MOST)


def _timing(model: EmbeddingModel, rows: int, library: int, asked: list[np.ndarray]) -> Timing:
    # Digests are random: a range of them keeps rows from all over the table, and the planner knows how many.
    limit = f"{min(int(rows / library * 16**8), 16**8 - 1):08x}"
    assets = Asset.objects.all() if rows >= library else Asset.objects.filter(sha256__lt=limit)
    routes = {"exact": recall.exactly(model), "index": recall.by_index(model)}
    times: dict[str, list[float]] = {"exact": [], "index": []}
    for query in asked[:1] + asked:  # the first warms up
        for name, as_model in routes.items():
            start = time.perf_counter()
            ranking.neighbours(assets, query, ranking.DEPTH, as_model)
            times[name].append(1000 * (time.perf_counter() - start))
    medians = {name: statistics.median(taken[1:]) for name, taken in times.items()}
    return Timing(rows, medians["exact"], medians["index"])
