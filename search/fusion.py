"""Rankings become one: what looks like the query, what is worded like it and what is described so, by reciprocal rank.

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


class Fused(NamedTuple):
    """A ranking; the first ``settled`` of it stay where they are, however many more of the nearest are looked at."""

    ranking: list[Ranked]
    settled: int


def fuse(
    near: Sequence[tuple[int, float]],
    worded: Sequence[int],
    named: Sequence[int],
    farthest: float | None,
    *,
    all_near: bool,
    words_weigh: float = 1.0,
    described: Sequence[int] = (),
    described_match: bool = True,
) -> Fused:
    """Return everything that the rankings name, best first: exact names, then matches, then weaker matches.

    ``near`` are (asset id, distance), nearest first, at least ``WINDOW`` of them unless there are fewer; with
    ``all_near`` there are no others. ``worded``, ``described`` and ``named`` are ids, best first, all of them. What is
    worded like the query, or no farther than ``farthest``, is a match, and what is described so with
    ``described_match``; without that limit everything is. A place among the worded and the described counts
    ``words_weigh`` times as much as one among the nearest.
    """
    distances = dict(near)
    ranks = {pk: rank for rank, (pk, _distance) in enumerate(near, start=1)}
    text_ranks = {pk: rank for rank, pk in enumerate(worded, start=1)}
    description_ranks = {pk: rank for rank, pk in enumerate(described, start=1)}
    first = set(named)

    def is_match(pk: int) -> bool:
        if pk in text_ranks or pk in first or farthest is None or (described_match and pk in description_ranks):
            return True
        return pk in distances and distances[pk] <= farthest

    def score(pk: int) -> float:
        worded_as = [ranking[pk] for ranking in (text_ranks, description_ranks) if pk in ranking]
        by_words = sum(words_weigh / (CONSTANT + rank) for rank in worded_as)
        rank = ranks.get(pk)
        return by_words + 1 / (CONSTANT + rank) if rank and (rank <= WINDOW or not worded_as) else by_words

    def place(pk: int) -> tuple[int, float, int]:
        return 0 if pk in first else 1 if is_match(pk) else 2, -score(pk), pk

    order = sorted(dict.fromkeys([*named, *worded, *described, *distances]), key=place)
    ranking = [Ranked(pk, distances.get(pk), is_match(pk)) for pk in order]
    if all_near or (near and farthest is not None and near[-1][1] > farthest):  # no other match can come
        return Fused(ranking, len(ranking))
    least = 1 / (CONSTANT + len(near) + 1)  # what the next nearest would have
    return Fused(ranking, sum(1 for pk in order if pk in first or (is_match(pk) and score(pk) > least)))
