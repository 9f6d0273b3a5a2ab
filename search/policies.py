"""What flags: policies are checked when they change, when what they are measured by changes, and now and then.

Vectors that are written are compared at once (``embedding.write``). A check compares all of them, in sets: it makes
true again what a killed worker left out, and what another model or calibration, an edited text or threshold changes.
"""

import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.http import QueryDict
from django.utils.translation import gettext as _

from assets.models import Asset
from assets.paginator import DEEPEST
from assets.querysets import AssetQuerySet
from search import ranking, vectors
from search.encoders import ModelUnavailable
from search.language import Kind, Part
from search.models import EmbeddingModel, NoActiveModel, Policy, PolicyFlag
from search.query import InvalidQuery, SearchQuery
from search.relevance import FEWEST, Relevance, relevance

logger = logging.getLogger(__name__)

# One policy compares 100,000 vectors in some 50 ms.
RECHECK = timedelta(minutes=10)
TURN = 5.0  # seconds of checking, after which the worker's other tasks have their turn


class NotMeasured(Exception):
    """There is no saying yet what a relevance is worth in this library."""


class Meaning(NamedTuple):
    """What a policy asks for in the active space: the unit vector of its text, and what distances from it are worth."""

    model: EmbeddingModel
    vector: np.ndarray
    worth: Relevance

    def farthest(self, percent: int) -> float:
        """Return the distance up to which assets are this relevant, or more."""
        return self.worth.distance_of(percent / 100)


def parts_of(text: str) -> tuple[Part, ...]:
    """Return the weighted texts of a policy; raise InvalidQuery for anything else that the search box takes."""
    params = QueryDict(mutable=True)
    params["q"] = text
    query = SearchQuery.parse(params)
    texts = SearchQuery(parts=tuple(query.of_kind(Kind.TEXT)))
    if query != texts or not texts:
        message = _("Say in words what is to be flagged. A policy takes no like:, picture:, url:, phrases or settings.")
        raise InvalidQuery({"text": [message]})
    return query.parts


def meaning_of(text: str) -> Meaning:
    """Return what a policy's text means in the active space.

    Raises InvalidQuery, NoActiveModel, ``encoders.ModelUnavailable``, and NotMeasured in a library of fewer than 20.
    """
    model = EmbeddingModel.objects.active()
    parts = [(part.weight, "text", vectors.text_vector(part.value, model)) for part in parts_of(text)]
    vector = vectors.composed(parts)
    worth = relevance(parts, model)
    if worth is None:
        raise NotMeasured(
            _("What a relevance is worth is measured once %(count)d pictures have their vectors; until then nothing is"
              " flagged.") % {"count": FEWEST}
        )  # fmt: skip
    return Meaning(model, vector, worth)


def due() -> "QuerySet[Policy]":
    """The policies that have to be checked: changed, measured otherwise since, or not checked for ``RECHECK``."""
    main = EmbeddingModel.objects.main().select_related("calibration").first()
    changed = Q(checked_at__isnull=True) | Q(checked_at__lt=Now() - RECHECK)
    if main is not None:
        changed |= Q(model__isnull=False) & ~Q(model=main.pk)
        if calibration := getattr(main, "calibration", None):
            changed |= Q(checked_at__lt=calibration.created_at)
    return Policy.objects.filter(changed)


def check_due() -> None:
    """Check the policies that are due, what was edited first; what is left when time is up is due at the next sweep.

    So is one whose model is not to be had; because it may cost a timeout, it comes after all others.
    """
    until = time.monotonic() + TURN
    order = ("problem", F("checked_at").asc(nulls_first=True), "pk")
    for pk in list(due().order_by(*order).values_list("pk", flat=True)):
        check(pk)
        if time.monotonic() > until:
            return


def check(pk: int) -> None:
    """Make the flags of one policy true: flag what is near enough, and drop open flags of what is not."""
    policy = Policy.objects.filter(pk=pk).first()
    if policy is None:
        return
    found: dict[str, Any] = {"checked_at": Now(), "problem": ""}
    try:
        if policy.enabled:
            found |= _measured(meaning_of(policy.text), policy.threshold)
    except (NoActiveModel, ModelUnavailable) as error:
        logger.warning("The policy %r is not checked: %s", policy.name, error)
        Policy.objects.filter(pk=pk).update(problem=str(error))
        return
    except NotMeasured as error:
        found["problem"] = str(error)
    except InvalidQuery as error:
        found["problem"] = " ".join(error.all_messages)
    with transaction.atomic():  # whoever checks the same policy meanwhile waits here
        same = {"text": policy.text, "threshold": policy.threshold, "enabled": policy.enabled}
        if not Policy.objects.filter(pk=pk, **same).update(**found):
            return  # edited or deleted meanwhile, and so due again
        PolicyFlag.objects.flag(policy=policy)
    PolicyFlag.objects.drop_stale(policy)


def _measured(meaning: Meaning, threshold: int) -> dict[str, Any]:
    return {
        "model": meaning.model,
        "vector": meaning.vector,
        "centre": meaning.worth.centre,
        "cut": meaning.worth.cut,
        "farthest": meaning.farthest(threshold),
    }


def decide(flags: "QuerySet[PolicyFlag]", state: PolicyFlag.State, user: Any) -> int:
    """Write down what ``user`` says of these flags; return of how many they said something new."""
    decided: dict[str, Any] = {"decided_by": None, "decided_at": None}
    if state != PolicyFlag.State.OPEN:
        decided = {"decided_by": user, "decided_at": Now()}
    return flags.exclude(state=state).order_by().update(state=state, **decided)


@dataclass(frozen=True)
class Preview:
    """What a policy would flag: how many (up to ``DEEPEST``), and the nearest assets, nearest first."""

    count: int
    nearest: list[tuple[Asset, int, bool]]  # each with its relevance in percent, and whether it would be flagged


def preview(text: str, threshold: int, visible: AssetQuerySet, shown: int = 24) -> Preview:
    """Return what a policy would flag of ``visible``; raises as ``meaning_of`` does."""
    meaning = meaning_of(text)
    farthest = meaning.farthest(threshold)
    rows = ranking.neighbours(visible, meaning.vector, DEEPEST, meaning.model).rows
    assets = visible.for_display().in_bulk([pk for pk, _distance in rows[:shown]])
    return Preview(
        sum(distance <= farthest for _pk, distance in rows),
        [
            (assets[pk], percent(meaning.worth, distance), distance <= farthest)
            for pk, distance in rows[:shown]
            if pk in assets
        ],
    )


def percent(worth: Relevance, distance: float) -> int:
    """Rounded down: what is shown as 50 % is at least that."""
    return int(100 * worth.of(distance))
