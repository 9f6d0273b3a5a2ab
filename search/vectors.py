"""Vectors of what people ask for: texts, assets, pictures and their sums, in the active model's space."""

import logging
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from django.utils.translation import gettext as _

from assets.models import Asset
from assets.querysets import AssetQuerySet
from search import query_pictures
from search.encoders import ModelUnavailable
from search.language import Kind, Part
from search.models import EmbeddingModel, NoActiveModel
from search.query import InvalidQuery

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
        raise NotEmbedded(_("Asset %d has no vector yet; it can be compared once it is embedded.") % asset.pk)
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


def of_part(part: Part, visible: AssetQuerySet, model: EmbeddingModel) -> tuple[str, np.ndarray]:
    """Return what a part of a query is (``text`` or ``picture``), and its unit vector; raise InvalidQuery.

    ``visible`` is where an asset may come from: one that the user may not see is one that is not there.
    """
    if part.kind is Kind.TEXT:
        return "text", text_vector(part.value, model)
    if part.kind is Kind.PICTURE:
        try:
            return "picture", query_pictures.vector(query_pictures.find(part.value), model)
        except query_pictures.UnusablePicture as error:
            raise InvalidQuery({"picture": [str(error)]}) from error
    if part.kind is Kind.LIKE:
        asset = visible.filter(pk=part.value).first()
        if asset is None:
            raise InvalidQuery({"like": [_("There is no asset %s.") % part.value]})
        try:
            return "picture", asset_vector(asset, model)
        except NotEmbedded as error:
            raise InvalidQuery({"like": [str(error)]}) from error
    raise InvalidQuery({"url": [_("The picture at this address was not fetched.")]})


def composed(parts: Sequence[tuple[float, str, np.ndarray]]) -> np.ndarray:
    """Return the weighted sum of unit vectors, of unit length; raise InvalidQuery where nothing is left of it.

    ``parts`` are (weight, kind, vector).
    """
    total = np.sum([weight * vector for weight, _kind, vector in parts], axis=0)
    length = float(np.linalg.norm(total))
    if length < 0.001 * sum(abs(weight) for weight, _kind, _vector in parts):
        raise InvalidQuery({"q": [_("The parts of this query cancel each other out.")]})
    return total / length
