"""An asset's page shows the part that was asked for, and all of its parts in a strip."""

from typing import NamedTuple

from django.utils.translation import gettext as _

from assets.addresses import rendition_url
from assets.models import Asset, Kind, Rendition, Segment
from assets.models.segment import timecode


class Shown(NamedTuple):
    """A part of an asset, or the whole (number 0): where it is, and addresses of its pictures."""

    number: int
    label: str
    preview: str
    thumbnail: str
    width: int | None = None
    height: int | None = None
    seconds: str = "0"  # as a media fragment has it, in every language
    page: int = 1


def parts(asset: Asset, number: str) -> tuple[Shown, list[Shown]]:
    """Return the part with this number and all parts, the whole first; the whole where there is no such part.

    Numbers stand in addresses that people keep: one of a part that is gone since leads to the whole.
    """
    segments = list(asset.segments.order_by("number"))
    strip = [_whole(asset), *(_part(asset, segment) for segment in segments)]
    shown = next((part for part in strip if str(part.number) == number), strip[0])
    if shown.number:
        preview = Rendition.objects.filter(asset=asset, segment=shown.number, preset="preview").first()
        if preview:
            shown = shown._replace(width=preview.width, height=preview.height)
    return shown, strip if segments else []


def _whole(asset: Asset) -> Shown:
    # The poster is a frame of its own, but whoever asks for the whole wants to see it from the start.
    label = {
        Kind.VIDEO: timecode(asset.metadata.get("poster_milliseconds", 0)),
        Kind.DOCUMENT: _("page %d") % 1,
        Kind.IMAGE: _("whole"),
    }[Kind(asset.kind)]
    return Shown(0, label, *_pictures(asset, 0), asset.width, asset.height)


def _part(asset: Asset, segment: Segment) -> Shown:
    seconds = f"{(segment.milliseconds or 0) / 1000:.3f}"
    return Shown(
        segment.number, segment.label, *_pictures(asset, segment.number), seconds=seconds, page=segment.page or 1
    )


def _pictures(asset: Asset, number: int) -> tuple[str, str]:
    return rendition_url(asset.pk, "preview", number), rendition_url(asset.pk, "thumbnail", number)
