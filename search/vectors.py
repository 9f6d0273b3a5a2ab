"""Vectors of what people ask for: texts, assets, pictures and their sums, in the active model's space."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256

import numpy as np
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from pgvector import Vector

from assets.models import Asset
from assets.querysets import AssetQuerySet
from search import query_pictures
from search.encoders import ModelUnavailable
from search.language import Kind, Part
from search.models import EmbeddingModel, QueryVector
from search.query import InvalidQuery

logger = logging.getLogger(__name__)

MOST_TEXTS = 50_000  # stored vectors: some 100 MB at 512 dimensions
USED_AGAIN = timedelta(days=1)  # how old the time of the last use may be


class NotEmbedded(Exception):
    """The asset has no vector of the active model (yet)."""


def text_vector(text: str, model: EmbeddingModel | None = None) -> np.ndarray:
    """Return the unit vector of ``text`` in the active model's space (or ``model``'s): float32, (dimensions,).

    The array is read-only. It is encoded once: this process remembers it, and the library in ``QueryVector``. What is
    known is answered while the model is away; else raise ``encoders.ModelUnavailable``.
    """
    model = model or EmbeddingModel.objects.active()
    return _text_vector(model.pk, model.name, model.dimensions, text.strip())


def asset_vector(asset: Asset, model: EmbeddingModel | None = None) -> np.ndarray:
    """Return the unit vector of ``asset``, float32 of shape (dimensions,); raise NotEmbedded while there is none."""
    model = model or EmbeddingModel.objects.active()
    embedding = asset.embeddings.filter(model=model, segment=0).first()
    if embedding is None or embedding.vector is None:
        raise NotEmbedded(_("Asset %d has no vector yet; it can be compared once it is embedded.") % asset.pk)
    return np.asarray(embedding.vector, dtype=np.float32)


def warm_up() -> None:
    """Have the active models loaded now, so that the first search does not wait for them."""
    for model in EmbeddingModel.objects.filter(state=EmbeddingModel.State.ACTIVE):
        try:
            _ = model.encoder.dimensions  # whoever holds the model has to load it to know
        except ModelUnavailable as error:
            logger.warning("%s was not loaded ahead: %s", model, error)


@lru_cache(maxsize=1024)
def _text_vector(model_id: int | None, name: str, dimensions: int, text: str) -> np.ndarray:
    digest = sha256(text.encode()).digest()
    vector = _remembered(model_id, digest)
    if vector is None:
        vector = EmbeddingModel(name=name, dimensions=dimensions).encoder.encode_text([text])[0]
        _remember(model_id, digest, text, vector)
    vector.flags.writeable = False  # shared by all who ask for it
    return vector


def _remembered(model_id: int | None, digest: bytes) -> np.ndarray | None:
    row = QueryVector.objects.filter(model_id=model_id, digest=digest).first()
    if row is None:
        return None
    if timezone.now() - row.used_at > USED_AGAIN:
        QueryVector.objects.filter(pk=row.pk).update(used_at=Now())
    return np.array(row.vector, dtype=np.float32)


def _remember(model_id: int | None, digest: bytes, text: str, vector: np.ndarray) -> None:
    """Store the vector, unless somebody was first or the model is gone or none of the library's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO search_queryvector (model_id, digest, text, vector, used_at)"
            " SELECT id, %s, %s, %s::vector, now() FROM search_embeddingmodel WHERE id = %s FOR KEY SHARE"
            " ON CONFLICT DO NOTHING",
            [digest, text, Vector(vector).to_text(), model_id],
        )


def forget_least_used() -> int:
    """Delete stored vectors of texts beyond ``MOST_TEXTS``, those that were not asked for longest; return how many."""
    kept = QueryVector.objects.order_by("-used_at", "-pk").values("pk")
    return QueryVector.objects.filter(pk__in=kept[MOST_TEXTS:]).delete()[0]


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
