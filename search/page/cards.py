"""Results as the page shows them: matches, then weaker matches, each with how near it is and why it is there."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assets.models import Asset, Segment
from search.hits import Hit

FIELDS = {
    "title": gettext_lazy("title"),
    "tags": gettext_lazy("tags"),
    "description": gettext_lazy("description"),
    "filename": gettext_lazy("file name"),
}


class Card(NamedTuple):
    """An asset; how relevant it is in percent, where that was measured; why it was found, in a few words each.

    ``segment`` is the part of it that was found; None for the whole.
    """

    asset: Asset
    segment: Segment | None
    percent: int | None
    similarity: float | None
    reasons: list[str]
    said: bool | None  # whether the user called it relevant


class Cards(NamedTuple):
    matches: list[Card]
    weaker: list[Card]


def cards(assets: Iterable[Any], said: Mapping[int, bool]) -> Cards:
    """Return the results of a page, each of which has its ``hit``; ``said`` is what the user said of them."""
    found = Cards([], [])
    for asset in assets:
        hit = asset.hit
        # What is named exactly so is what was asked for, whatever its picture shows.
        named = any(reason["signal"] == "name" for reason in hit.why)
        percent = None if hit.relevance is None or named else round(100 * hit.relevance)
        (found.matches if hit.match else found.weaker).append(
            Card(asset, asset.segment, percent, hit.similarity, list(dict.fromkeys(_reasons(hit))), said.get(asset.pk))
        )
    return found


def _reasons(hit: Hit) -> Iterator[str]:
    for reason in hit.why:
        match reason["signal"]:
            case "name":
                yield _("exact name")
            case "text":
                yield f"{FIELDS[reason['field']]}: {' '.join(reason['words'])}"
            case "picture" | "description" as embeds if hit.shares.get(embeds, 0) >= 0.5:
                yield _("picture") if embeds == "picture" else _("description")
