"""Milvus as the reader's index: it names candidates, the database keeps what a queryset allows.

What the database says of them is right whatever Milvus holds: rows of assets that are gone, or that nobody may see, or
with vectors of yesterday.
"""

import logging
from collections.abc import Callable

import numpy as np
from django.db.models import QuerySet

from assets.models import Asset
from search.each_once import Found, Row, each_once, more
from search.milvus import collections, conditions, mirror
from search.milvus.client import Unavailable
from search.models import EmbeddingModel

logger = logging.getLogger(__name__)

# How many candidates are asked for at first, for each row that is wanted: filters that Milvus does not know take some.
FIRST = 4
TRIES = 3
# More changes than this that Milvus has not heard of, and every row is compared.
MOST_CHANGED = 20_000


def nearest(
    assets: "QuerySet[Asset]",
    vector: np.ndarray,
    count: int,
    model: EmbeddingModel,
    ef_search: int,
    compare: Callable[[set[int]], list[Found]],
) -> dict[int, Row]:
    """Return the ``count`` nearest by asset, or nothing where Milvus comes back short, or does not come back.

    ``compare`` returns those of some embeddings that are of ``assets``, nearest first. What Milvus may not have heard
    of yet is compared as well, but takes no place that Milvus has to fill: something nearer might be missed.
    """
    served = mirror.serving(model, MOST_CHANGED + 1)
    if served is None or len(served[1]) > MOST_CHANGED:
        return {}
    collection, changed = served
    condition, limit = conditions.necessary(assets), FIRST * count
    for _try in range(TRIES):
        limit = min(limit, collections.MOST)
        try:
            named = set(collections.nearest(collection, vector, limit, condition, ef_search))
        except Unavailable as error:
            logger.warning("Every row is compared instead: %s", error)
            return {}
        rows = compare(named.union(changed))
        settled, _rows = each_once([row[:3] for row in rows if row.embedding in named], count)
        if len(settled) == count:
            return each_once([row[:3] for row in rows], count)[0]
        if len(named) < limit or limit == collections.MOST:
            break
        limit = more(limit, len(settled), count)
    return {}
