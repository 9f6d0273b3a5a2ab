"""The one reader of vectors: turns a query into a ranked queryset of assets.

``distance`` is pgvector's ``<->`` (L2) between unit vectors, ascending; people are shown ``similarity``, the cosine
1 − distance² / 2.
"""

import json
import logging
from functools import lru_cache
from typing import TypeVar

import numpy as np
from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import F, FilteredRelation, FloatField, Func, Q, QuerySet, Value
from pgvector import HalfVector
from pgvector.django import HalfVectorField, L2Distance

from assets.models import Asset
from search.encoders import ModelUnavailable
from search.models import EmbeddingModel, NoActiveModel

logger = logging.getLogger(__name__)

Assets = TypeVar("Assets", bound="QuerySet[Asset]")

MAX_QUERY_CHARACTERS = 512


class NotEmbedded(Exception):
    """The asset has no vector of the active model (yet)."""


class _AsHalfvec(Func):
    """``(vector::halfvec(n))``, spelled as in the models' indexes."""

    template = "(%(expressions)s::halfvec(%(dimensions)s))"


class _Unindexable(Func):
    """An expression with the same value that no index can serve: the planner then compares every matching row."""

    template = "(%(expressions)s + 0)"
    output_field = FloatField()


def nearest_to(assets: Assets, vector: np.ndarray, model: EmbeddingModel | None = None) -> Assets:
    """Return ``assets`` with a ``distance`` to ``vector``, nearest first; those without a vector are left out.

    Comes last in a query, after all filters: it asks the planner once how many rows match. Few: every one of them is
    compared. Many: the HNSW index may be used, in iterative scans that go on until a slice is full (a setting of the
    connection). A filter never costs results.
    ``vector`` is float of shape (dimensions,) in the space of ``model``, by default the active one.
    """
    model = model or EmbeddingModel.objects.active()
    ranked = assets.annotate(
        _embedding=FilteredRelation("embeddings", condition=Q(embeddings__model_id=model.pk, embeddings__segment=0))
    ).filter(_embedding__vector__isnull=False)
    distance: Func = L2Distance(
        _AsHalfvec(F("_embedding__vector"), dimensions=model.dimensions, output_field=HalfVectorField()),
        Value(HalfVector(vector).to_text()),
    )
    if planned_rows(ranked) <= settings.DAM_EXACT_ROWS:
        distance = _Unindexable(distance)
    return ranked.annotate(distance=distance).order_by("distance")


def planned_rows(queryset: QuerySet) -> int:
    """Return the planner's estimate of how many rows match; about 0.2 ms, whatever the size of the table."""
    try:
        sql, params = queryset.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return 0
    with connections[queryset.db].cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        plan = cursor.fetchone()[0]
    return int((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"])


def similarity(distance: float) -> float:
    """Return the cosine of two unit vectors that are ``distance`` apart, from −1 to 1."""
    return 1 - distance * distance / 2


def text_vector(text: str) -> np.ndarray:
    """Return the active model's unit vector of ``text``, float32 of shape (dimensions,)."""
    return _text_vector(EmbeddingModel.objects.active().name, text.strip())


def warm_up() -> None:
    """Load the active model now, so that the first search does not wait for it."""
    try:
        text_vector("")
    except (NoActiveModel, ModelUnavailable) as error:
        logger.warning("The model was not loaded ahead: %s", error)


@lru_cache(maxsize=1024)
def _text_vector(model_name: str, text: str) -> np.ndarray:
    return EmbeddingModel(name=model_name).encoder.encode_text([text])[0]


def asset_vector(asset: Asset) -> np.ndarray:
    """Return the active model's unit vector of ``asset``; raise NotEmbedded while there is none."""
    model = EmbeddingModel.objects.active()
    embedding = asset.embeddings.filter(model=model, segment=0).first()
    if embedding is None or embedding.vector is None:
        raise NotEmbedded(f"Asset {asset.pk} has no vector yet; it can be compared once it is embedded.")
    return np.asarray(embedding.vector, dtype=np.float32)
