"""How much of the library an embedding model has, and how long the rest takes.

Every asset and segment is held against the ledger: one without a row (``bulk_create`` fires no signal) is counted as
missing until the sweep has found it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection

from search.models import EmbeddingModel

RECENT = timedelta(minutes=5)  # what was embedded since then tells how fast it goes
SHORTEST = timedelta(seconds=5)  # less than this says nothing of a rate

_COUNTS = """
    SELECT m.id, owed.segment > 0,
        count(*),
        count(*) FILTER (WHERE e.state = 'ready'),
        count(*) FILTER (
            WHERE e.state = 'quarantined' OR (owed.state = 'quarantined' AND e.state IS DISTINCT FROM 'ready')
        ),
        count(*) FILTER (WHERE e.id IS NULL),
        count(*) FILTER (WHERE owed.state = 'ready' AND (e.id IS NULL OR e.state = 'pending'))
    FROM search_embeddingmodel m
    JOIN (
        SELECT id, 0 AS segment, state, 'picture' AS embeds FROM assets_asset
        UNION ALL
        SELECT a.id, number, a.state, 'picture' FROM assets_segment s JOIN assets_asset a ON a.id = s.asset_id
        UNION ALL
        SELECT a.id, 0, a.state, 'description' FROM search_assettext t JOIN assets_asset a ON a.id = t.asset_id
        WHERE t.described IS NOT NULL
    ) owed ON owed.embeds = m.embeds
    LEFT JOIN search_embedding e ON e.model_id = m.id AND e.asset_id = owed.id AND e.segment = owed.segment
    WHERE m.id = ANY(%s)
    GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Counts:
    """Every one of ``owed`` is embedded, quarantined (itself or its asset) or pending.

    Of the pending ``missing`` have no row yet; ``uncovered`` could have a vector, because their asset is prepared.
    """

    owed: int = 0
    embedded: int = 0
    quarantined: int = 0
    missing: int = 0
    uncovered: int = 0

    @property
    def pending(self) -> int:
        return self.owed - self.embedded - self.quarantined


@dataclass(frozen=True)
class Coverage:
    """What one model has embedded, and how many it embeds a minute (None: nothing in the last five minutes)."""

    assets: Counts = Counts()
    segments: Counts = Counts()
    per_minute: float | None = None

    @property
    def percent(self) -> float:
        """The share of assets and segments that is embedded, rounded down to a tenth: 100 means all of them."""
        owed = self.assets.owed + self.segments.owed
        return 1000 * (self.assets.embedded + self.segments.embedded) // (owed or 1) / 10

    @property
    def uncovered(self) -> int:
        return self.assets.uncovered + self.segments.uncovered

    @property
    def eta(self) -> timedelta | None:
        """How long the rest takes at the measured rate; None where there is none, or nothing is left."""
        if not self.uncovered or not self.per_minute:
            return None
        return timedelta(seconds=round(60 * self.uncovered / self.per_minute))


def coverage_of(model: EmbeddingModel) -> Coverage:
    return coverages([model])[model.pk]


def coverages(models: Iterable[EmbeddingModel]) -> dict[int, Coverage]:
    """Return the coverage of each model, by its id, in two statements."""
    ids = [model.pk for model in models]
    counts: dict[tuple[int, bool], Counts] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [ids])
        for model_id, of_segments, *numbers in cursor.fetchall():
            counts[model_id, of_segments] = Counts(*numbers)
        busy = sorted({model_id for (model_id, _segments), count in counts.items() if count.uncovered})
        rates = _rates(cursor, busy) if busy else {}
    return {
        pk: Coverage(counts.get((pk, False), Counts()), counts.get((pk, True), Counts()), rates.get(pk)) for pk in ids
    }


def _rates(cursor: Any, ids: list[int]) -> dict[int, float]:
    """Vectors a minute, of those models that embedded something lately."""
    cursor.execute(
        "SELECT model_id, 60 * count(*) / greatest(extract(epoch FROM now() - min(finished_at)), %s)"
        " FROM search_embedding WHERE model_id = ANY(%s) AND state = 'ready' AND finished_at > now() - %s GROUP BY 1",
        [SHORTEST.total_seconds(), ids, RECENT],
    )
    return {model_id: float(rate) for model_id, rate in cursor.fetchall()}
