"""Which embedding spaces answer a query, and what the descriptions of assets say to it.

Several spaces are active side by side. The main one, of pictures that are asked by text, answers everything; the one of
descriptions, where there is one, adds its opinion on texts. A query that names a space is answered by that one alone.
"""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from django.utils.translation import gettext as _

from assets.paginator import DEEPEST
from assets.querysets import AssetQuerySet
from search import ranking, vectors
from search.encoders import ModelUnavailable
from search.fusion import WINDOW
from search.language import Kind, Part
from search.models import Embedding, EmbeddingModel
from search.query import InvalidQuery, SearchQuery
from search.relevance import Relevance, relevance

logger = logging.getLogger(__name__)


class Spaces(NamedTuple):
    """The space that ranks, and that of descriptions beside it, each with its calibration."""

    main: EmbeddingModel
    descriptions: EmbeddingModel | None


class Opinion(NamedTuple):
    """What a space of descriptions says to a query: distances by asset id, nearest first, and what they are worth.

    With a calibration it names all that match, and nothing else; without one the nearest 200, of which nobody can say.
    """

    distances: dict[int, float]
    relevance: Relevance | None

    @property
    def took_part(self) -> bool:
        """Whether the space was asked, and answered."""
        return self is not NONE

    @property
    def matches(self) -> dict[int, float]:
        return self.distances if self.relevance else {}


NONE = Opinion({}, None)


def active() -> Spaces:
    """Return the spaces that answer queries, in one query; raise NoActiveModel where there is no main one."""
    live = EmbeddingModel.objects.filter(state=EmbeddingModel.State.ACTIVE, asked_by_text=True)
    found: dict[str, EmbeddingModel] = {}
    for model in live.select_related("calibration").order_by("pk"):
        found.setdefault(model.embeds, model)
    main = found.get(EmbeddingModel.Embeds.PICTURE) or EmbeddingModel.objects.active()
    return Spaces(main, found.get(EmbeddingModel.Embeds.DESCRIPTION))


def named(query: SearchQuery) -> EmbeddingModel:
    """Return the space that a query names, by its name or an ending that no other has.

    Raises InvalidQuery where there is none, it has no vectors, or it cannot be asked by what the query asks with.
    """
    live = list(EmbeddingModel.objects.live().select_related("calibration").order_by("pk"))
    fitting = [model for model in live if model.name == query.space]
    fitting = fitting or [model for model in live if model.name.endswith(query.space)]
    if not fitting:
        known = ", ".join(model.label for model in live) or "–"
        raise _refused(_("There is no space “%(space)s”. There are: %(known)s."), query.space, known=known)
    if len(fitting) > 1:
        known = ", ".join(model.label for model in fitting)
        raise _refused(_("“%(space)s” may be one of several spaces: %(known)s."), query.space, known=known)
    model = fitting[0]
    if query.of_kind(Kind.TEXT) and not model.asked_by_text:
        raise _refused(
            _("The space “%(space)s” compares pictures alone: ask it by a picture or an asset (like:1), not by text."),
            model.name,
        )
    if (query.of_kind(Kind.PICTURE) or query.of_kind(Kind.URL)) and not model.asked_by_picture:
        raise _refused(
            _("The space “%(space)s” compares descriptions: ask it by a text or an asset (like:1), not by picture."),
            model.name,
        )
    if not Embedding.objects.ranked_by(model).exists():
        raise _refused(_("The space “%(space)s” has no vectors yet."), model.name)
    return model


def opinion(model: EmbeddingModel, texts: Sequence[Part], assets: AssetQuerySet) -> Opinion:
    """Return what the descriptions of ``assets`` say to the ``texts`` of a query, in the space of ``model``.

    ``NONE`` while the model is not to be had: pictures and words answer without it.
    """
    try:
        parts = [(part.weight, "text", vectors.text_vector(part.value, model)) for part in texts]
        vector = vectors.composed(parts)
    except ModelUnavailable as error:
        logger.warning("Descriptions take no part in this search: %s", error)
        return NONE
    except InvalidQuery:  # texts that cancel each other out here: nothing is near to nothing
        return NONE
    worth = relevance(parts, model)
    return Opinion(dict(_near(model, vector, assets, worth)), worth)


def _near(
    model: EmbeddingModel, vector: np.ndarray, assets: AssetQuerySet, worth: Relevance | None
) -> list[tuple[int, float]]:
    count = WINDOW
    while True:
        rows = ranking.neighbours(assets, vector, count, model).rows
        if worth is None:
            return rows
        if len(rows) < count or rows[-1][1] > worth.farthest or count >= DEEPEST:
            return [row for row in rows if row[1] <= worth.farthest]
        count = min(2 * count, DEEPEST)


def _refused(message: str, space: str, **values: Any) -> InvalidQuery:
    return InvalidQuery({"space": [message % {"space": space[:100], **values}]})
