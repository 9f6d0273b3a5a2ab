"""One asset in an answer: why it is there, how relevant it is, and which part of it was found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from assets.models import Segment
from search import ranking


@dataclass(frozen=True)
class Hit:
    """Why an asset is in the answer. ``relevance`` is from 0 to 1, a match from 0.5; None where it was not measured.

    ``segment`` is the number of the segment that is nearest to the query; 0 is the whole. ``shares`` are the relevances
    of the asset's ``picture`` and its ``description``, of which the higher one is its own.
    """

    match: bool
    distance: float | None = None
    relevance: float | None = None
    why: Sequence[dict[str, Any]] = ()
    segment: int = 0
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def similarity(self) -> float | None:
        return None if self.distance is None else ranking.similarity(self.distance)

    def as_dict(self) -> dict[str, Any]:
        return {
            "match": self.match,
            "relevance": self.relevance,
            "distance": self.distance,
            "similarity": self.similarity,
            "why": self.why,
        }


def segments_of(hits: Iterable[tuple[int, Hit]]) -> dict[int, Segment]:
    """Return the segments that these (asset id, hit) were found by, by asset id; asks nothing where there are none."""
    found = [Q(asset=pk, number=hit.segment) for pk, hit in hits if hit.segment]
    segments = Segment.objects.filter(Q(*found, _connector=Q.OR)) if found else []
    return {segment.asset_id: segment for segment in segments}
