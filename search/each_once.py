"""Rows of embeddings, of which each asset counts once, by the nearest of its vectors."""

import math
from collections.abc import Sequence
from typing import NamedTuple

# (asset id, distance, segment), as the statements of a ranking return them.
Row = tuple[int, float, int]


class Found(NamedTuple):
    """A row, and the embedding that it is of."""

    asset: int
    distance: float
    segment: int
    embedding: int


def each_once(rows: Sequence[Row], count: int) -> tuple[dict[int, Row], int]:
    """Return the first ``count`` assets of sorted rows, each with its nearest row, and how many rows that took."""
    nearest: dict[int, Row] = {}
    for place, row in enumerate(rows, start=1):
        if nearest.setdefault(row[0], row) is row and len(nearest) == count:
            return nearest, place
    return nearest, len(rows)


def more(limit: int, found: int, count: int) -> int:
    """Return how many rows to ask for, after ``limit`` of them were of ``found`` assets alone."""
    return max(2 * limit, math.ceil(1.5 * limit * count / max(found, 1)))
