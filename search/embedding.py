"""The one writer of vectors: claims what the ledger owes, encodes it in batches, stores unit vectors."""

import logging
from datetime import timedelta
from typing import Any

import numpy as np
from django.conf import settings
from PIL import Image

from assets.imaging.decoder import Undecodable
from assets.ledger import State
from assets.models import Asset
from assets.preparation import sandbox
from assets.storage import local_copy
from search.encoders import ModelUnavailable
from search.models import Embedding, EmbeddingModel

logger = logging.getLogger(__name__)

# RGB pictures by asset id and segment (0 is the whole).
Pictures = dict[tuple[int, int], Image.Image]

BATCH = 32
# How long to leave a row alone when its picture could not be read or its model could not be had.
PAUSE = timedelta(seconds=10)
# How far from 1 the length of a vector may be before it is an encoder's error.
LENGTH_TOLERANCE = 1e-3


class InvalidVector(ValueError):
    """An encoder returned what is no unit vector of its space."""


def embed_batch(pictures: Pictures | None = None) -> int:
    """Embed up to ``BATCH`` owed rows of every live model; return how many were claimed.

    With ``pictures`` only the rows of these assets, from these pictures; without, rows of any prepared asset, from
    preview renditions.
    """
    claimed = 0
    for model in EmbeddingModel.objects.live():
        owed = Embedding.objects.filter(model=model, asset__state=State.READY)
        if pictures is not None:
            owed = owed.filter(asset__in={asset_id for asset_id, _segment in pictures})
        rows = owed.claim(BATCH)
        claimed += len(rows)
        _embed(model, rows, pictures or {})
    return claimed


def _embed(model: EmbeddingModel, rows: list[Embedding], pictures: Pictures) -> None:
    assets = Asset.objects.prefetch_related("renditions").in_bulk([row.asset_id for row in rows])
    readable: list[tuple[Embedding, Image.Image]] = []
    for row in rows:
        if (asset := assets.get(row.asset_id)) is None:
            continue  # deleted meanwhile, and its row with it
        try:
            readable.append((row, pictures.get((row.asset_id, row.segment)) or _preview(asset, row.segment)))
        except (Undecodable, FileNotFoundError) as error:
            logger.warning("Embedding of asset %s: %s", row.asset_id, error)
            Embedding.objects.fail(row, f"its preview cannot be read: {error}")
        except Exception as error:  # storages raise anything: the row waits until they answer
            logger.error("Embedding of asset %s waits, because storage did not answer: %s", row.asset_id, error)
            Embedding.objects.release([row], retry_in=PAUSE)
    if not readable:
        return
    try:
        vectors = model.encoder.encode_images([picture for _row, picture in readable])
    except ModelUnavailable as error:
        logger.error("%s embeddings wait for their model: %s", len(readable), error)
        Embedding.objects.release([row for row, _picture in readable], retry_in=PAUSE)
        return
    for (row, _picture), vector in zip(readable, vectors, strict=True):
        try:
            Embedding.objects.complete(row, vector=checked(vector, model.dimensions))
        except InvalidVector as error:
            Embedding.objects.fail(row, str(error))


def _preview(asset: Asset, segment: int) -> Image.Image:
    rendition = asset.rendition("preview", segment)
    if rendition is None:
        raise FileNotFoundError("the asset has no preview rendition")
    with local_copy(rendition.file) as path:
        side = max(rendition.width, rendition.height)
        return sandbox().decode(path, presets={}, side=side, max_pixels=settings.DAM_MAX_PIXELS).picture


def checked(vector: Any, dimensions: int) -> np.ndarray:
    """Return ``vector`` as float32 of shape (dimensions,); raise InvalidVector unless it is finite and of length 1."""
    array = np.asarray(vector, dtype=np.float32)
    if array.shape != (dimensions,):
        raise InvalidVector(f"the encoder returned a vector of shape {array.shape} instead of ({dimensions},)")
    if not np.isfinite(array).all():
        raise InvalidVector("the encoder returned a vector with a value that is not finite")
    length = float(np.linalg.norm(array))
    if abs(length - 1) > LENGTH_TOLERANCE:
        raise InvalidVector(f"the encoder returned a vector of length {length:.4g} instead of 1")
    return array
