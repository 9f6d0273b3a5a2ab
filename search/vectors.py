"""Vectors of what people ask for: texts and assets, in the active model's space."""

import logging
from functools import lru_cache

import numpy as np

from assets.models import Asset
from search.encoders import ModelUnavailable
from search.models import EmbeddingModel, NoActiveModel

logger = logging.getLogger(__name__)


class NotEmbedded(Exception):
    """The asset has no vector of the active model (yet)."""


def text_vector(text: str, model: EmbeddingModel | None = None) -> np.ndarray:
    """Return the unit vector of ``text`` in the active model's space (or ``model``'s), float32, (dimensions,)."""
    return _text_vector((model or EmbeddingModel.objects.active()).name, text.strip())


def asset_vector(asset: Asset, model: EmbeddingModel | None = None) -> np.ndarray:
    """Return the unit vector of ``asset``, float32 of shape (dimensions,); raise NotEmbedded while there is none."""
    model = model or EmbeddingModel.objects.active()
    embedding = asset.embeddings.filter(model=model, segment=0).first()
    if embedding is None or embedding.vector is None:
        raise NotEmbedded(f"Asset {asset.pk} has no vector yet; it can be compared once it is embedded.")
    return np.asarray(embedding.vector, dtype=np.float32)


def warm_up() -> None:
    """Load the active model now, so that the first search does not wait for it."""
    try:
        text_vector("")
    except (NoActiveModel, ModelUnavailable) as error:
        logger.warning("The model was not loaded ahead: %s", error)


@lru_cache(maxsize=1024)
def _text_vector(model_name: str, text: str) -> np.ndarray:
    return EmbeddingModel(name=model_name).encoder.encode_text([text])[0]
