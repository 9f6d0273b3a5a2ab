"""Making a stored original ready: decoded once, in a sandbox; renditions stored, file facts read.

The decoded pictures are handed to whoever listens to ``signals.prepared`` (the search layer embeds them), so that no
picture is decoded twice.
"""

import logging
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import DataError, transaction
from django.utils import timezone
from PIL import Image

from assets import ingest, storage
from assets.imaging import PRESETS
from assets.imaging.decoder import DecoderDied, Undecodable
from assets.imaging.sandbox import Decoded, Limits, Sandbox
from assets.models import Asset, Rendition
from assets.signals import prepared

logger = logging.getLogger(__name__)

BATCH = 32
# Short side in pixels of the picture that is handed on: twice what the common models look at (224).
HANDED_ON_SIDE = 448
# How long to leave an asset alone when its original could not be read from storage.
STORAGE_PAUSE = timedelta(seconds=10)


@cache
def sandbox() -> Sandbox:
    return Sandbox(Limits(**settings.DAM_DECODER))


def prepare_batch() -> int:
    """Prepare up to ``BATCH`` pending assets; return how many were claimed."""
    claimed = Asset.objects.claim(BATCH)
    pictures: dict[tuple[int, int], Image.Image] = {}
    for asset, outcome in zip(claimed, sandbox().map(_try_to_decode, claimed), strict=True):
        match outcome:
            case Decoded():
                try:
                    if _store(asset, outcome):
                        pictures[asset.pk, 0] = outcome.picture
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
    return len(claimed)


def _try_to_decode(asset: Asset) -> Decoded | Exception:
    try:
        with storage.local_copy(asset.original) as path:
            return sandbox().decode(path, presets=PRESETS, side=HANDED_ON_SIDE, max_pixels=settings.DAM_MAX_PIXELS)
    except Exception as error:  # each outcome belongs to its asset, none may end the batch; storages raise anything
        return error


def _store(asset: Asset, decoded: Decoded) -> bool:
    """Store renditions and facts of a decoded asset; False when that could not be done, or no longer needed to be."""
    keys = {preset: storage.rendition_key(asset.sha256, preset) for preset in decoded.renditions}
    try:
        for preset, (data, _width, _height) in decoded.renditions.items():
            storage.renditions().save(keys[preset], ContentFile(data))
    except Exception as error:  # any storage's client, any of its errors
        _wait_for_storage(asset, error)
        return False
    rows = [
        Rendition(
            asset=asset,
            preset=preset,
            file=keys[preset],
            mime_type="image/webp",
            width=width,
            height=height,
            size=len(data),
        )
        for preset, (data, width, height) in decoded.renditions.items()
    ]
    with transaction.atomic():
        still_there = Asset.objects.complete(
            asset,
            width=decoded.width,
            height=decoded.height,
            metadata=decoded.metadata,
            taken_at=asset.taken_at or _aware(decoded.taken_at),
        )
        if still_there:
            Rendition.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["asset", "preset", "segment"],
                update_fields=["file", "mime_type", "width", "height", "size"],
            )
    if not still_there:
        ingest.delete_files(asset.sha256)  # keeps them when the asset lives; takes them away when it was deleted
    return still_there


def _wait_for_storage(asset: Asset, error: Exception) -> None:
    logger.error("Asset %s waits, because its storage did not answer: %s", asset.pk, error)
    Asset.objects.release([asset], retry_in=STORAGE_PAUSE)


def _aware(moment: str | None) -> datetime | None:
    """Return EXIF's time; where the camera wrote no offset, it is taken to be in the server's time zone."""
    if moment is None:
        return None
    taken = datetime.fromisoformat(moment)
    return taken if timezone.is_aware(taken) else timezone.make_aware(taken)
