"""Two rankings become one: what looks like the query and what is worded like it, by reciprocal rank.

Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods",
SIGIR 2009: each ranking gives 1 / (60 + rank).
"""

from collections.abc import Sequence
from typing import NamedTuple

CONSTANT = 60
# How deep a place among the nearest counts beside a place among the worded ones. Fixed, so that the order of results
# does not depend on how many of them are asked for.
WINDOW = 200


class Ranked(NamedTuple):
    """One asset's place: its distance (None where it was not measured), and whether it is a match."""

    pk: int
    distance: float | None
    match: bool


def fuse(
    near: Sequence[tuple[int, float]], worded: Sequence[int], named: Sequence[int], farthest: float | None
) -> list[Ranked]:
    """Return everything that the rankings name, best first: exact names, then matches, then weaker matches.

    ``near`` are (asset id, distance), nearest first, at least ``WINDOW`` of them unless there are fewer; ``worded`` and
    ``named`` are ids, best first. What is worded like the query, or no farther than ``farthest``, is a match; without
    that limit everything is. As many results as ``near`` has are in their final places.
    """
    distances = dict(near)
    ranks = {pk: rank for rank, (pk, _distance) in enumerate(near, start=1)}
    text_ranks = {pk: rank for rank, pk in enumerate(worded, start=1)}

    def place(pk: int) -> tuple[int, float, int]:
        rank, text_rank = ranks.get(pk), text_ranks.get(pk)
        score = 1 / (CONSTANT + text_rank) if text_rank else 0.0
        if rank and (rank <= WINDOW or not text_rank):
            score += 1 / (CONSTANT + rank)
        tier = 0 if pk in first else 1 if is_match(pk) else 2
        return tier, -score, pk

    def is_match(pk: int) -> bool:
        return pk in text_ranks or pk in first or farthest is None or distances[pk] <= farthest

    first = set(named)
    everything = sorted(dict.fromkeys([*named, *worded, *distances]), key=place)
    return [Ranked(pk, distances.get(pk), is_match(pk)) for pk in everything]
