"""The one reader of vectors: turns a vector into the assets nearest to it, under any filter.

An asset is as near as the nearest of its vectors, that of the whole or of one of its segments, and comes once.

``distance`` is pgvector's ``<->`` (L2) between unit vectors, ascending; people are shown ``similarity``, the cosine
1 − distance² / 2.
"""

import json
import math
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import orjson
from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, connections, transaction
from django.db.models import F, FilteredRelation, FloatField, Func, Q, QuerySet, Value
from pgvector.django import HalfVectorField, L2Distance
from psycopg.errors import QueryCanceled

from assets.models import Asset
from search.each_once import Found, Row, each_once, more
from search.milvus import candidates
from search.models import EmbeddingModel

Assets = TypeVar("Assets", bound="QuerySet[Asset]")

# docs/search-speed.md has what these were chosen by.
# How many candidates the index keeps, where that is not measured; twice as many where only FEW rows pass the filter.
EF_SEARCH, EF_SEARCH_MOST = 400, 1000
FEW = 20_000
# Relaxed scans answer slightly out of order: so many rows more than asked for make up for it.
EXTRA = 20
# What is asked for where up to how many rows are compared is measured (``calibration``).
DEPTH = 200
# A filter that keeps what is far from the query makes the index walk through the whole library. After so long, in
# milliseconds and for each thousand matching rows, every one of them is compared after all.
PATIENCE, PATIENCE_PER_THOUSAND = 100, 5
# How often the index is asked for more rows, because segments of the same assets took the places of others.
TRIES = 3


class Neighbours(NamedTuple):
    """The nearest assets, nearest first, and how they were found.

    ``rows`` are (asset id, distance); ``mode`` is ``exact`` or ``index``; ``planned`` is the planner's estimate of how
    many vectors match the filters. ``segments`` has the number of the nearest segment by asset id, of those assets of
    which a segment is nearer than the whole.
    """

    rows: list[tuple[int, float]]
    mode: str
    planned: int
    segments: dict[int, int]


class _AsHalfvec(Func):
    """``(vector::halfvec(n))``, spelled as in the models' indexes."""

    template = "(%(expressions)s::halfvec(%(dimensions)s))"


class _Unindexable(Func):
    """An expression with the same value that no index can serve: the planner then compares every matching row."""

    template = "(%(expressions)s + 0)"
    output_field = FloatField()


def neighbours(
    assets: "QuerySet[Asset]",
    vector: np.ndarray,
    count: int,
    model: EmbeddingModel | None = None,
) -> Neighbours:
    """Return the ``count`` of ``assets`` nearest to ``vector``; fewer only when fewer match the filters.

    Few matching rows: every one is compared. Many: the HNSW index in relaxed iterative scans, more than asked for and
    sorted again here, because relaxed scans answer slightly out of order; and should that come back short of what it
    was asked for, every row after all. The planner is asked with the exact statement itself, so that a query is built
    and written once. Where segments of the same assets took the places of others, more rows are asked for.
    """
    model = model or EmbeddingModel.objects.active()
    ranked, distance = _with_segments(assets, model), _distance(vector, model)
    exact = _rows(ranked, _Unindexable(distance)).order_by("distance", "pk", "_segment")
    try:
        sql, params = exact[:count].query.sql_with_params()
    except EmptyResultSet:
        return Neighbours([], "exact", 0, {})
    with connections[assets.db].cursor() as cursor:
        planned = _plan(cursor, sql, params)["Plans"][0]["Plan Rows"]  # of what the LIMIT takes its rows from
        if planned > exact_rows(model, count):
            ef_search = model.ef_search or EF_SEARCH
            if settings.DAM_INDEX == "milvus":
                compare = partial(_of_embeddings, assets, vector, model)
                found = candidates.nearest(assets, vector, count, model, ef_search, compare)
            else:
                found = _by_pgvector(ranked, distance, count, planned, ef_search)
            if found:
                return _neighbours(found, "index", planned)
        limit = count
        while True:
            cursor.execute(sql, params)
            rows = cursor.fetchall()
            nearest, _last = each_once(rows, count)
            if len(nearest) == count or len(rows) < limit:
                return _neighbours(nearest, "exact", planned)
            limit = more(limit, len(nearest), count)
            sql, params = exact[:limit].query.sql_with_params()


def _by_pgvector(ranked: "QuerySet[Asset]", distance: Func, count: int, planned: int, ef_search: int) -> dict[int, Row]:
    """Return the nearest by asset, or nothing where the index comes back short."""
    limit = count + EXTRA
    for _try in range(TRIES):
        rows = _by_index(ranked, distance, limit, planned, ef_search)
        if len(rows) < limit:
            break
        nearest, last = each_once(rows, count)
        if len(nearest) == count and last + EXTRA <= limit:
            return nearest
        limit = more(limit, len(nearest), count)
    return {}


def _of_embeddings(assets: "QuerySet[Asset]", vector: np.ndarray, model: EmbeddingModel, ids: set[int]) -> list[Found]:
    """Return those of these embeddings that are of ``assets``, nearest first."""
    ranked = _joined(assets, Q(embeddings__model_id=model.pk, embeddings__pk__in=ids))
    ranked = ranked.annotate(distance=_Unindexable(_distance(vector, model)), _segment=F("_embedding__segment"))
    rows = ranked.values_list("pk", "distance", "_segment", "_embedding__pk").order_by()
    return sorted((Found(*row) for row in rows), key=lambda row: (row.distance, row.asset, row.segment))


def _neighbours(nearest: dict[int, Row], mode: str, planned: int) -> Neighbours:
    rows = [(pk, distance) for pk, distance, _segment in nearest.values()]
    return Neighbours(rows, mode, planned, {pk: segment for pk, _distance, segment in nearest.values() if segment})


def nearest_to(assets: Assets, vector: np.ndarray, model: EmbeddingModel | None = None) -> Assets:
    """Return ``assets`` with a ``distance`` to ``vector``, nearest first; those without a vector are left out.

    Compares the wholes: in one statement an asset with many segments could not come once, and still by the index.

    A lazy queryset, for Django code that goes on with it. Comes last in a query, after all filters: it asks the planner
    once how many rows match. Few: every one of them is compared. Many: the HNSW index may be used, in iterative scans
    that go on until a slice is full (a setting of the connection). A filter never costs results.
    ``vector`` is float of shape (dimensions,) in the space of ``model``, by default the active one.
    """
    model = model or EmbeddingModel.objects.active()
    ranked, distance = embedded(assets, model), _distance(vector, model)
    if planned_rows(ranked) <= exact_rows(model):
        distance = _Unindexable(distance)
    return ranked.annotate(distance=distance).order_by("distance")


def exact_rows(model: EmbeddingModel, count: int = DEPTH) -> int:
    """Return up to how many matching rows a ranking of ``count`` compares every one.

    As measured here for ``DEPTH``, or by default. Comparing costs as much as rows match, the index as much as rows are
    asked for and the fewer match: the two cross where the root of what is asked for says.
    """
    measured = settings.DAM_EXACT_ROWS if model.exact_rows is None else model.exact_rows
    return round(measured * math.sqrt((count + EXTRA) / (DEPTH + EXTRA)))


def planned_rows(queryset: QuerySet) -> int:
    """Return the planner's estimate of how many rows match; about 0.2 ms, whatever the size of the table."""
    try:
        sql, params = queryset.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return 0
    with connections[queryset.db].cursor() as cursor:
        return _plan(cursor, sql, params)["Plan Rows"]


def similarity(distance: float) -> float:
    """Return the cosine of two unit vectors that are ``distance`` apart, from −1 to 1."""
    return 1 - distance * distance / 2


def embedded(assets: Assets, model: EmbeddingModel) -> Assets:
    """Return those of ``assets`` that have a vector of this model, of the whole."""
    return _joined(assets, Q(embeddings__model_id=model.pk, embeddings__segment=0))


def _with_segments(assets: Assets, model: EmbeddingModel) -> Assets:
    """Return ``assets`` once for each vector of this model that they have, of the whole and of every segment."""
    return _joined(assets, Q(embeddings__model_id=model.pk))


def _joined(assets: Assets, condition: Q) -> Assets:
    return assets.annotate(_embedding=FilteredRelation("embeddings", condition=condition)).filter(
        _embedding__vector__isnull=False
    )


def _rows(ranked: "QuerySet[Asset]", distance: Func) -> "QuerySet[Any, Row]":
    return ranked.annotate(distance=distance, _segment=F("_embedding__segment")).values_list(
        "pk", "distance", "_segment"
    )


def _distance(vector: np.ndarray, model: EmbeddingModel) -> Func:
    return L2Distance(
        _AsHalfvec(F("_embedding__vector"), dimensions=model.dimensions, output_field=HalfVectorField()),
        Value(orjson.dumps(np.ascontiguousarray(vector, np.float32), option=orjson.OPT_SERIALIZE_NUMPY).decode()),
    )


def _by_index(ranked: "QuerySet[Asset]", distance: Func, limit: int, planned: int, ef_search: int) -> list[Row]:
    """Return what the index finds, nearest first; nothing when that takes too long."""
    settings = {
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.ef_search": min(max(ef_search if planned > FEW else 2 * ef_search, 2 * (limit - EXTRA)), EF_SEARCH_MOST),
        "statement_timeout": PATIENCE + PATIENCE_PER_THOUSAND * planned // 1000,
    }
    nearest = _rows(ranked, distance).order_by("distance")
    try:
        with transaction.atomic(using=ranked.db), connections[ranked.db].cursor() as cursor:
            cursor.execute("; ".join(f"SET LOCAL {name} = {value}" for name, value in settings.items()))
            rows = list(nearest[:limit])
            cursor.execute("RESET statement_timeout")  # the transaction around this one, if any, goes on without it
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return []
        raise
    return sorted(rows, key=lambda row: (row[1], row[0], row[2]))


def _plan(cursor: Any, sql: str, params: Any) -> dict[str, Any]:
    cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
    plan = cursor.fetchone()[0]
    return (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
