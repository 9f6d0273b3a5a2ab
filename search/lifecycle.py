"""How one embedding model takes the place of another while people search: building → active → retired → deleted.

Every step is one transaction over a few rows; what takes long (vectors, index, deleting) is done by workers and stands
in the database, so that it goes on after any of them is killed. A query reads one ``EmbeddingModel`` row and keeps to
it: it is answered in the one space or in the other, never in both.
"""

import logging

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from assets import doorbell
from assets.locks import only_one
from search import backend, indexes
from search.coverage import coverage_of
from search.encoders import ModelUnavailable
from search.indexes import IndexState
from search.milvus.client import Unavailable
from search.models import Embedding, EmbeddingModel, QueryVector, register_model
from search.relevance import calibrate, due

logger = logging.getLogger(__name__)

State = EmbeddingModel.State
BATCH = 5000  # vectors deleted in one transaction


class Refused(Exception):
    """A step that cannot be taken; the message says why."""


def add(name: str, *, switch_when_complete: bool = True) -> EmbeddingModel:
    """Build the named model beside the active one, or go on with one that was retired; the first is active at once.

    Raises Refused, and ModelUnavailable when a new one cannot be loaded.
    """
    name = name.strip()
    known = EmbeddingModel.objects.filter(name=name).first()
    if known is not None and known.state == State.PRUNING:
        raise Refused(_("%s is being deleted; it can be added again afterwards.") % known)
    model, _new = register_model(name, switch_when_complete=switch_when_complete)
    if known is not None and model.state == State.BUILDING and _is_large(model) and _lacks_much(model):
        backend.drop(model)
    doorbell.ring("search.tasks.sweep")
    return model


def follow_settings() -> EmbeddingModel | None:
    """Add the model that DAM_MODEL names, unless it did so at the last start too: since then people may have switched.

    Return it when it was added. Raises as ``add`` does.
    """
    named = EmbeddingModel.objects.filter(name=settings.DAM_MODEL)
    if named.filter(named_by_settings=True).exists():
        return None
    model = add(settings.DAM_MODEL)
    with transaction.atomic():
        EmbeddingModel.objects.filter(named_by_settings=True).update(named_by_settings=False)
        named.update(named_by_settings=True)
    return model


def obstacles(model: EmbeddingModel) -> list[str]:
    """Return what queries would lack if this model answered them from now on."""
    found = []
    if missing := coverage_of(model).uncovered:
        found.append(
            ngettext(
                "%(count)d asset or segment has no vector of %(model)s yet: no search would find it by its picture.",
                "%(count)d assets or segments have no vector of %(model)s yet: no search would find them by their"
                " pictures.",
                missing,
            )
            % {"count": missing, "model": model}
        )
    if _is_large(model) and backend.state_of(model) is not IndexState.READY:
        found.append(_("The index of %s is not ready: until it is, rankings compare every vector.") % model)
    return found


def switch(model: EmbeddingModel, *, whatever: bool = False) -> None:
    """Answer queries with this model from now on, in one transaction; the one before is kept, retired.

    Raises Refused while there are ``obstacles``, unless it is to be done ``whatever`` they are.
    """
    with only_one("which models are active"):
        model.refresh_from_db()
        if model.state == State.ACTIVE:
            raise Refused(_("%s is active already.") % model)
        if model.state == State.PRUNING:
            raise Refused(_("%s is being deleted.") % model)
        if not whatever and (found := obstacles(model)):
            raise Refused(" ".join(found))
        model.activate()
    doorbell.ring("search.tasks.sweep")


def previous(model: EmbeddingModel) -> EmbeddingModel | None:
    """Return the model that answered queries before this active one, if it is still there."""
    before = EmbeddingModel.objects.filter(**model.slot, activated_at__isnull=False).exclude(pk=model.pk)
    return before.exclude(state=State.PRUNING).order_by("-activated_at").first()


def roll_back(model: EmbeddingModel | None = None) -> EmbeddingModel:
    """Answer queries with the model that was active before this one (by default the main one), at once; return it.

    What it lacks, because it came while that one was retired, is owed to it from now on. Raises Refused.
    """
    with only_one("which models are active"):
        model = model or EmbeddingModel.objects.active()
        before = previous(model)
        if before is None:
            raise Refused(_("No model was active before %s.") % model)
        switch(before, whatever=True)
    return before


def complete(model: EmbeddingModel) -> None:
    """Have a retired model embed what it lacks; it takes over when it has everything."""
    if model.state != State.RETIRED:
        raise Refused(_("%s is not retired.") % model)
    add(model.name)


def stop(model: EmbeddingModel) -> None:
    """Give up building a model; its vectors are kept."""
    with only_one("which models are active"):
        model.refresh_from_db()
        if model.state != State.BUILDING:
            raise Refused(_("%s is not being built.") % model)
        model.retire()


def take_over_by_itself(model: EmbeddingModel, automatic: bool) -> None:
    """Whether a model that is being built takes over when it is complete, or waits for ``switch``."""
    EmbeddingModel.objects.filter(pk=model.pk, state=State.BUILDING).update(switch_when_complete=automatic)
    doorbell.ring("search.tasks.sweep")


def prune(model: EmbeddingModel) -> None:
    """Have a retired model deleted with its vectors, its index and the query vectors in its space, by a worker.

    Raises Refused for any other, and for the one that DAM_MODEL names: the next start would build it again.
    """
    with only_one("which models are active"):
        model.refresh_from_db()
        if model.state != State.RETIRED:
            raise Refused(_("Only a retired model can be deleted; %s is not.") % model)
        if model.name == settings.DAM_MODEL:
            raise Refused(
                _("DAM_MODEL names %s: set it to another first, or the next start would build it again.") % model
            )
        model.state = State.PRUNING
        model.save(update_fields=["state"])
    doorbell.ring("search.tasks.prune")


def delete_pruned() -> None:
    """Delete what ``prune`` marked, in batches; it may be killed and run again. Not inside a transaction."""
    for model in EmbeddingModel.objects.filter(state=State.PRUNING):
        backend.drop(model)
        for rows in (Embedding.objects.filter(model=model), QueryVector.objects.filter(model=model)):
            while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
                rows.filter(pk__in=ids).delete()
        model.delete()
        logger.info("%s is deleted.", model.name)


def build_indexes() -> None:
    """Build the indexes that are due. Not inside a transaction; searches and writes go on meanwhile."""
    for model in EmbeddingModel.objects.live():
        if index_is_due(model):
            try:
                backend.build(model)
            except Unavailable as error:
                logger.warning("The index of %s waits: %s", model, error)


def index_is_due(model: EmbeddingModel) -> bool:
    """Whether this model's index is to be built now: once the vectors are there, or when its build was interrupted.

    Inserting vectors into an index that is there takes several times as long as building it afterwards. One that is
    being built waits until it is complete; the active one, to which something is always owed, until little is.
    """
    state = backend.state_of(model)
    if state is not IndexState.MISSING or not _is_large(model):
        return state is IndexState.BROKEN
    return model.is_complete() if model.state == State.BUILDING else not _lacks_much(model)


def advance() -> None:
    """Have workers do what is due, and let complete models take over: the sweep's part of a change of models."""
    if any(index_is_due(model) for model in EmbeddingModel.objects.live()):
        doorbell.ring("search.tasks.build_indexes")
    if EmbeddingModel.objects.filter(state=State.PRUNING).exists():
        doorbell.ring("search.tasks.prune")
    for model in EmbeddingModel.objects.filter(state=State.BUILDING, switch_when_complete=True).order_by("pk"):
        if model.is_complete() and not obstacles(model):
            _take_over(model)


def _take_over(model: EmbeddingModel) -> None:
    """Switch to a complete model, after measuring what its distances are worth: then it can be asked, too."""
    try:
        if model.asked_by_text and due(model):
            calibrate(model)
        switch(model)
    except (ModelUnavailable, Refused) as error:
        logger.warning("%s does not take over yet: %s", model, error)


def _is_large(model: EmbeddingModel) -> bool:
    return model.embeddings.filter(vector__isnull=False)[: indexes.LARGE].count() >= indexes.LARGE


def _lacks_much(model: EmbeddingModel) -> bool:
    """Whether so much is missing that an index had better be built afterwards: 30 % of what it would hold already."""
    held = model.embeddings.filter(vector__isnull=False).count()
    return coverage_of(model).uncovered > 0.3 * held
