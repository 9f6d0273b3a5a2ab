"""Making a stored original ready: decoded once, in a sandbox; renditions and segments stored, file facts read.

The decoded pictures of the wholes are handed to whoever listens to ``signals.prepared`` (the search layer embeds them),
so that no picture is decoded twice. A film or a document has too many to be held in memory: who embeds its segments
reads their previews.
"""

import logging
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import DataError, transaction
from django.utils import timezone
from PIL import Image

from assets import ingest, storage
from assets.imaging import PRESETS, DecoderDied, Undecodable
from assets.imaging.sandbox import Decoded, Limits, Renditions, Sandbox
from assets.models import Asset, Kind, Rendition, Segment
from assets.overlap import Batch, at_once, overlapped
from assets.signals import prepared, segments_dropped

logger = logging.getLogger(__name__)

BATCH = 32
# Short side in pixels of the picture that is handed on: twice what the common models look at (224).
HANDED_ON_SIDE = 448
# How long to leave an asset alone when its original could not be read from storage.
STORAGE_PAUSE = timedelta(seconds=10)


@cache
def sandbox() -> Sandbox:
    return Sandbox(Limits(**settings.DAM_DECODER))


@dataclass(frozen=True)
class Stored:
    """What was decoded and stored of an asset: its facts, and the rows of its renditions and segments to write."""

    decoded: Decoded
    renditions: list[Rendition]
    segments: list[Segment]


def prepare_batch() -> int:
    """Prepare up to ``BATCH`` pending pictures and some of what takes longer; return how many were claimed."""
    return at_once(_batch())


def prepare_owed() -> bool:
    """Prepare pending assets until none is left that may be claimed, or others should have their turn; return which."""
    return overlapped(_batch)


def _batch() -> Batch:
    # As many films and documents as there are decoders: who is killed over them held no others up.
    others = Asset.objects.exclude(kind=Kind.IMAGE)
    with (
        Asset.objects.filter(kind=Kind.IMAGE).claimed(BATCH) as pictures,
        others.claimed(sandbox().limits.processes) as films,
    ):
        claims = [[(asset, sandbox().submit(_try_to_decode, asset)) for asset in rows] for rows in (pictures, films)]
        yield [*pictures, *films]
        for claim in claims:
            _finish(claim)


def _finish(begun: list[tuple[Asset, Future[Stored | Exception]]]) -> None:
    """Record what becomes of assets that are being decoded, and hand their pictures on."""
    pictures: dict[tuple[int, int], Image.Image] = {}
    for asset, future in begun:
        outcome = future.result()
        match outcome:
            case Stored():
                try:
                    if _record(asset, outcome):
                        pictures[asset.pk, 0] = outcome.decoded.picture
                except DataError as refusal:  # something that this file says of itself cannot be stored
                    Asset.objects.fail(asset, str(refusal))
            case DecoderDied() | FileNotFoundError():
                logger.warning("Asset %s: %s", asset.pk, outcome)
                Asset.objects.fail(asset, str(outcome))
            case Undecodable():
                logger.warning("Asset %s cannot be decoded: %s", asset.pk, outcome)
                Asset.objects.quarantine(asset, str(outcome))
            case _:
                _wait_for_storage(asset, outcome)
    if pictures:
        for receiver, error in prepared.send_robust(sender=Asset, pictures=pictures):
            if isinstance(error, Exception):
                logger.error("%s failed over prepared assets; its own sweep takes them up", receiver, exc_info=error)


def _try_to_decode(asset: Asset) -> Stored | Exception:
    """Decode an asset and store its renditions: the pictures of one asset at a time are held in memory."""
    try:
        with storage.local_copy(asset.original) as path:
            decoded = sandbox().decode(
                path,
                presets=PRESETS,
                side=HANDED_ON_SIDE,
                max_pixels=settings.DAM_MAX_PIXELS,
                mime_type=asset.mime_type,
                parts=True,
            )
        renditions = _store(asset, 0, decoded.renditions)
        for part in decoded.parts:
            renditions += _store(asset, part.number, part.renditions)
        segments = [Segment(asset=asset, number=part.number, **part.place) for part in decoded.parts]
        return Stored(replace(decoded, renditions={}, parts=()), renditions, segments)
    except Exception as error:  # each outcome belongs to its asset, none may end the batch; storages raise anything
        return error


def _store(asset: Asset, segment: int, renditions: Renditions) -> list[Rendition]:
    """Store the renditions of a segment (0: of the whole); return their rows."""
    rows = []
    for preset, (data, width, height) in renditions.items():
        key = storage.rendition_key(asset.sha256, preset, segment)
        storage.renditions().save(key, ContentFile(data))
        rows.append(
            Rendition(
                asset=asset,
                preset=preset,
                segment=segment,
                file=key,
                mime_type="image/webp",
                width=width,
                height=height,
                size=len(data),
            )
        )
    return rows


def _record(asset: Asset, stored: Stored) -> bool:
    """Write what was stored of a decoded asset; False when it is gone, or was claimed by somebody else since."""
    decoded = stored.decoded
    with transaction.atomic():
        still_there = Asset.objects.complete(
            asset,
            width=decoded.width,
            height=decoded.height,
            metadata=decoded.metadata,
            taken_at=asset.taken_at or _aware(decoded.taken_at),
        )
        left_over = False
        if still_there:
            Rendition.objects.bulk_create(
                stored.renditions,
                update_conflicts=True,
                unique_fields=["asset", "preset", "segment"],
                update_fields=["file", "mime_type", "width", "height", "size"],
            )
            left_over = _replace_segments(asset, stored.segments)
    if not still_there:
        ingest.delete_files(asset.sha256)  # keeps them when the asset lives; takes them away when it was deleted
    elif left_over:
        storage.delete_renditions(asset.sha256, keep=[str(row.file.name) for row in stored.renditions])
    return still_there


def _replace_segments(asset: Asset, segments: list[Segment]) -> bool:
    """Make these the segments of a prepared asset; return whether it had others, whose files are now left over."""
    before = {segment.number: segment for segment in asset.segments.all()}
    places = {segment.number: segment.place for segment in segments}
    dropped = [number for number, segment in before.items() if segment.place != places.get(number)]
    if dropped:
        asset.segments.filter(number__in=dropped).delete()
        segments_dropped.send(sender=Asset, asset_id=asset.pk, numbers=dropped)
    Segment.objects.bulk_create(
        [segment for segment in segments if segment.number not in before or segment.number in dropped]
    )
    gone = asset.renditions.exclude(segment__in=[0, *places]).delete()[0] if before else 0
    return bool(gone)


def _wait_for_storage(asset: Asset, error: Exception) -> None:
    logger.error("Asset %s waits, because its storage did not answer: %s", asset.pk, error)
    Asset.objects.release([asset], retry_in=STORAGE_PAUSE)


def _aware(moment: str | None) -> datetime | None:
    """Return EXIF's time; where the camera wrote no offset, it is taken to be in the server's time zone."""
    if moment is None:
        return None
    taken = datetime.fromisoformat(moment)
    return taken if timezone.is_aware(taken) else timezone.make_aware(taken)
