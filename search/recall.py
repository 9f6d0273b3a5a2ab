"""How much the index finds of what is really nearest: sampled queries, the index against an exact search.

Measured by schedule over the whole library, by the statements that searches run; a library so small that every ranking
is exact has nothing to measure.
"""

import logging
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext

from assets.models import Asset, Tag
from search import ranking
from search.encoders import ModelUnavailable
from search.models import Embedding, EmbeddingModel, RecallProbe

logger = logging.getLogger(__name__)

DEPTH = 10  # recall@10
KEPT = 100  # probes of one model that are kept
WARN_BELOW = 0.95
TIE = 1e-5  # distances of halfvecs closer than this are the same: either row is right


def probe(model: EmbeddingModel, queries: int = 20) -> RecallProbe | None:
    """Measure and store the recall of ``queries`` rankings over the whole library; None while all of them are exact.

    What was measured before is then forgotten: it says nothing about this library.
    """
    if Embedding.objects.ranked_by(model).count() <= ranking.exact_rows(model):
        RecallProbe.objects.filter(model=model).delete()
        return None
    asked = sample(model, queries)
    found = [recall_of(model, query) for query in asked]
    if not found:  # every vector was deleted meanwhile
        return None
    made = RecallProbe.objects.create(model=model, queries=len(found), recall=sum(found) / len(found), worst=min(found))
    kept = RecallProbe.objects.filter(model=model).order_by("-pk")[:KEPT]
    RecallProbe.objects.filter(model=model).exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()
    if made.recall < WARN_BELOW:
        logger.warning("Recall of %s: %s", model, warning(made))
    return made


def report(model: EmbeddingModel | None) -> dict[str, Any] | None:
    """Return the last probe of this model as ``value``, ``worst``, ``measured_at`` and ``warning``, or None."""
    last = RecallProbe.objects.filter(model=model).order_by("-pk").first() if model else None
    if last is None:
        return None
    return {
        "value": round(last.recall, 4),
        "worst": round(last.worst, 4),
        "measured_at": last.created_at.isoformat(),
        "warning": warning(last),
    }


def warning(measured: RecallProbe) -> str:
    """Return what is wrong and what to do about it; nothing where recall is as it should be."""
    if measured.recall >= WARN_BELOW:
        return ""
    if settings.DAM_INDEX == "milvus":
        return gettext(
            "The index finds only %(percent)d %% of the nearest assets. Build it anew: manage.py models index %(model)s"
            " --rebuild; then measure again: manage.py calibrate_search."
        ) % {"percent": int(100 * measured.recall), "model": measured.model}
    return gettext(
        "The index finds only %(percent)d %% of the nearest assets. Build it anew: REINDEX INDEX CONCURRENTLY"
        " %(index)s; then measure again: manage.py calibrate_search."
    ) % {"percent": int(100 * measured.recall), "index": f"embedding_hnsw_{measured.model_id}"}


def sample(model: EmbeddingModel, count: int) -> list[np.ndarray]:
    """Return up to ``count`` queries like those that people ask: half of them texts, where there are and may be.

    Texts are titles and tags of this library; the others lie between two of its pictures. float32, (dimensions,).
    """
    texts = _texts(model, count // 2)
    return texts + _between_pictures(model, count - len(texts))


def recall_of(model: EmbeddingModel, query: np.ndarray) -> float:
    """Return the share of the exact first ten that the index finds, from 0 to 1."""
    true = [distance for _pk, distance in ranking.neighbours(Asset.objects.all(), query, DEPTH, exactly(model)).rows]
    with transaction.atomic():
        with connection.cursor() as cursor:  # the planner may not sort instead
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        found = ranking.neighbours(Asset.objects.all(), query, DEPTH, by_index(model)).rows
    return sum(distance <= true[-1] + TIE for _pk, distance in found) / len(true) if true else 1.0


def of_index(model: EmbeddingModel, queries: Sequence[np.ndarray], ef_search: int) -> float:
    """Return the mean recall@10 of these queries over the whole library, with this many candidates."""
    tried = by_index(model, ef_search)
    return sum(recall_of(tried, query) for query in queries) / len(queries)


def exactly(model: EmbeddingModel) -> EmbeddingModel:
    """Return the model as one whose rankings are all exact; not to be saved."""
    return EmbeddingModel(pk=model.pk, name=model.name, dimensions=model.dimensions, exact_rows=2**31 - 1)


def by_index(model: EmbeddingModel, ef_search: int | None = None) -> EmbeddingModel:
    """Return the model as one whose rankings all use the index; not to be saved."""
    ef_search = ef_search or model.ef_search
    return EmbeddingModel(pk=model.pk, name=model.name, dimensions=model.dimensions, exact_rows=0, ef_search=ef_search)


def _texts(model: EmbeddingModel, count: int) -> list[np.ndarray]:
    titled = _picked(Asset.objects.exclude(title=""), count)
    titles = Asset.objects.filter(pk__in=titled).values_list("title", flat=True)
    names = Tag.objects.filter(pk__in=_picked(Tag.objects.all(), count)).values_list("name", flat=True)
    texts = list(dict.fromkeys([*titles, *names]))
    random.shuffle(texts)
    if not texts[:count]:
        return []
    try:
        return list(model.encoder.encode_text(texts[:count]))
    except ModelUnavailable as error:
        logger.warning("Recall is measured without texts: %s", error)
        return []


def _between_pictures(model: EmbeddingModel, count: int) -> list[np.ndarray]:
    embedded = Embedding.objects.ranked_by(model)
    rows = embedded.filter(pk__in=_picked(embedded, 2 * count)).values_list("vector", flat=True)
    kept = [np.asarray(vector, dtype=np.float32) for vector in rows]
    random.shuffle(kept)
    mixed = [one + 0.5 * other for one, other in zip(kept, kept[1:] + kept[:1], strict=True)][:count]
    return [query / length for query in mixed if (length := float(np.linalg.norm(query))) > 1e-3]


def _picked(queryset: Any, count: int) -> list[int]:
    """Return ids of random rows, without sorting the table: those that follow random places in its range of ids."""
    ids = queryset.order_by("pk").values_list("pk", flat=True)
    first, last = ids.first(), ids.last()
    if first is None:
        return []
    places = (random.randint(first, last) for _ in range(count))
    return list({pk for place in places for pk in ids.filter(pk__gte=place)[:1]})
