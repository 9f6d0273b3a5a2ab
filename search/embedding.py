"""The one writer of vectors: claims what the ledger owes, encodes it in batches, stores unit vectors."""

import logging
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
from django.conf import settings
from PIL import Image

from assets.imaging.decoder import Undecodable
from assets.ledger import State
from assets.models import Asset
from assets.overlap import TURN, Batch, at_once, overlapped
from assets.preparation import sandbox
from assets.storage import local_copy
from search import descriptions
from search.encoders import ModelUnavailable, encode_descriptions, of_unit_length
from search.halves import Halves
from search.models import Embedding, EmbeddingModel, PolicyFlag

logger = logging.getLogger(__name__)

# RGB pictures by asset id and segment (0 is the whole).
Pictures = dict[tuple[int, int], Image.Image]

BATCH = 32
# How long to leave a row alone when its picture could not be read or its model could not be had.
PAUSE = timedelta(seconds=10)


class InvalidVector(ValueError):
    """An encoder returned what is no unit vector of its space."""


def embed_batch(pictures: Pictures | None = None) -> int:
    """Embed up to ``BATCH`` owed rows of every live model; return how many were claimed.

    With ``pictures`` only the rows of these assets, from these pictures; without, rows of any prepared asset, from
    preview renditions.
    """
    return sum(at_once(_batch(model, pictures)) for model in EmbeddingModel.objects.live())


def embed_owed() -> bool:
    """Embed what every live model is owed, until none is left that may be claimed, or others should have their turn.

    Return whether there may be more. The active models come first.
    """
    live = list(EmbeddingModel.objects.live().order_by("state", "pk"))
    left = [overlapped(partial(_batch, model), TURN / len(live)) for model in live]  # each has its turn
    return any(left)


def _batch(model: EmbeddingModel, pictures: Pictures | None = None) -> Batch:
    """Claim rows of one model and begin to read their previews; then encode them and write the vectors.

    A row that something is wrong with is recorded by itself.
    """
    live = EmbeddingModel.objects.live().filter(pk=model.pk)  # it may be retired at any moment
    owed = Embedding.objects.filter(model__in=live, asset__state=State.READY)
    if pictures is not None:
        owed = owed.filter(asset__in={asset_id for asset_id, _segment in pictures})
    with owed.claimed(BATCH) as rows:
        begun = _begin(model, rows, pictures or {})
        yield rows
        ready = [(row, value) for row in rows if (value := _read(row, begun.get(row.pk))) is not None]
        if ready:
            _embed(model, [row for row, _value in ready], [value for _row, value in ready])


def _begin(model: EmbeddingModel, rows: list[Embedding], pictures: Pictures) -> dict[int, Any]:
    """Return by row what its vector is made of, a picture or a text, or the Future of a picture that is being read.

    Rows of assets that were deleted meanwhile are left out.
    """
    if model.embeds == EmbeddingModel.Embeds.DESCRIPTION:
        return dict(descriptions.texts_of(rows)) if rows else {}
    assets = Asset.objects.prefetch_related("renditions").in_bulk([row.asset_id for row in rows])
    return {
        row.pk: pictures.get((row.asset_id, row.segment)) or sandbox().submit(_preview, asset, row.segment)
        for row in rows
        if (asset := assets.get(row.asset_id))
    }


def _read(row: Embedding, value: Any) -> Any:
    """Return the picture or text, once it is read; None when it cannot be, which is recorded."""
    if not isinstance(value, Future):
        return value
    try:
        return value.result()
    except (Undecodable, FileNotFoundError) as error:
        logger.warning("Embedding of asset %s: %s", row.asset_id, error)
        Embedding.objects.fail(row, f"its preview cannot be read: {error}")
    except Exception as error:  # storages raise anything: the row waits until they answer
        logger.error("Embedding of asset %s waits, because storage did not answer: %s", row.asset_id, error)
        Embedding.objects.release([row], retry_in=PAUSE)
    return None


def _embed(model: EmbeddingModel, rows: list[Embedding], inputs: list[Any]) -> None:
    described = model.embeds == EmbeddingModel.Embeds.DESCRIPTION
    try:
        encoder = model.encoder
        vectors = encode_descriptions(encoder, inputs) if described else encoder.encode_images(inputs)
    except ModelUnavailable as error:
        logger.error("%s embeddings wait for their model: %s", len(rows), error)
        Embedding.objects.release(rows, retry_in=PAUSE)
        return
    good: list[tuple[Embedding, np.ndarray]] = []
    for row, vector in zip(rows, vectors, strict=True):
        try:
            good.append((row, checked(vector, model.dimensions)))
        except InvalidVector as error:
            Embedding.objects.fail(row, str(error))
    if good:
        write([row for row, _vector in good], np.stack([vector for _row, vector in good]))


def write(rows: list[Embedding], vectors: np.ndarray) -> int:
    """Store the vectors of claimed rows, float32 of shape (n, dimensions), and mark the rows ready.

    In one statement, whatever their number; rows that this claim no longer holds are left alone. Return how many were
    written. What comes near to a policy is flagged.
    """
    written = Embedding.objects.complete_many(rows, vector=Halves(vectors))
    PolicyFlag.objects.flag(assets={row.asset_id for row in rows})
    return written


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
    if not of_unit_length(array):
        raise InvalidVector(f"the encoder returned a vector of length {np.linalg.norm(array):.4g} instead of 1")
    return array
