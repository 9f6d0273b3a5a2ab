"""The steps of an embedding model, each on a page that says what will happen and asks whether it shall."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from search import lifecycle
from search.coverage import coverage_of
from search.encoders import ModelUnavailable
from search.models import EmbeddingModel

State = EmbeddingModel.State


@dataclass(frozen=True)
class Step:
    """``explain`` says what will happen, ``warn`` what speaks against it; ``act`` does it and says what was done."""

    label: Any
    icon: str
    permission: str
    offered: Callable[[EmbeddingModel], bool]
    explain: Callable[[EmbeddingModel], list[str]]
    act: Callable[[EmbeddingModel], str]
    warn: Callable[[EmbeddingModel], list[str]] = lambda model: []


def _switch(model: EmbeddingModel) -> str:
    lifecycle.switch(model, whatever=True)  # who comes here has been told what speaks against it
    return gettext("%s answers queries now.") % model


def _roll_back(model: EmbeddingModel) -> str:
    return gettext("%s answers queries again.") % lifecycle.roll_back(model)


def _before(model: EmbeddingModel) -> list[str]:
    before = lifecycle.previous(model)
    return [
        gettext("%(before)s answers queries again, at once. %(model)s is kept.") % {"before": before, "model": model}
    ]


def _lacking_before(model: EmbeddingModel) -> list[str]:
    before = lifecycle.previous(model)
    missing = coverage_of(before).uncovered if before else 0
    if not missing:
        return []
    text = ngettext(
        "%(count)d asset or segment has come since and has no vector of %(before)s. It is embedded from now on, and"
        " until then not found by its picture.",
        "%(count)d assets or segments have come since and have no vector of %(before)s. They are embedded from now on,"
        " and until then not found by their pictures.",
        missing,
    )
    return [text % {"count": missing, "before": before}]


def _complete(model: EmbeddingModel) -> str:
    lifecycle.complete(model)
    return gettext("%s is being completed.") % model


def _stop(model: EmbeddingModel) -> str:
    lifecycle.stop(model)
    return gettext("%s is built no further.") % model


def _prune(model: EmbeddingModel) -> str:
    lifecycle.prune(model)
    return gettext("%s is being deleted.") % model


def _let(automatic: bool) -> Callable[[EmbeddingModel], str]:
    def act(model: EmbeddingModel) -> str:
        lifecycle.take_over_by_itself(model, automatic)
        return gettext("%s takes over when it is complete.") % model if automatic else gettext("%s waits.") % model

    return act


STEPS = {
    "switch": Step(
        _("Switch to it"),
        "swap_horiz",
        "search.change_embeddingmodel",
        lambda model: model.state in (State.BUILDING, State.RETIRED),
        lambda model: [
            gettext("%s answers queries from now on. The model before it is kept, and can be gone back to.") % model
        ],
        _switch,
        lifecycle.obstacles,
    ),
    "rollback": Step(
        _("Roll back"),
        "undo",
        "search.change_embeddingmodel",
        lambda model: model.state == State.ACTIVE and lifecycle.previous(model) is not None,
        _before,
        _roll_back,
        _lacking_before,
    ),
    "complete": Step(
        _("Complete it, then switch"),
        "update",
        "search.change_embeddingmodel",
        lambda model: model.state == State.RETIRED,
        lambda model: [gettext("%s embeds what has come since it was retired, and then answers queries.") % model],
        _complete,
    ),
    "wait": Step(
        _("Have it wait"),
        "pause",
        "search.change_embeddingmodel",
        lambda model: model.state == State.BUILDING and model.switch_when_complete,
        lambda model: [gettext("%s does not take over when it is complete: somebody has to switch to it.") % model],
        _let(automatic=False),
    ),
    "automatic": Step(
        _("Let it take over when complete"),
        "play_arrow",
        "search.change_embeddingmodel",
        lambda model: model.state == State.BUILDING and not model.switch_when_complete,
        lambda model: [gettext("%s answers queries as soon as it has every asset.") % model],
        _let(automatic=True),
    ),
    "stop": Step(
        _("Stop building"),
        "stop",
        "search.change_embeddingmodel",
        lambda model: model.state == State.BUILDING,
        lambda model: [gettext("%s is built no further; its vectors are kept, and it can be completed later.") % model],
        _stop,
    ),
    "prune": Step(
        _("Delete it"),
        "delete",
        "search.delete_embeddingmodel",
        lambda model: model.state == State.RETIRED,
        lambda model: [
            gettext(
                "%s is deleted with its vectors and its index. To have it again, everything must be embedded again."
            )
            % model
        ],
        _prune,
    ),
}


def _instead(model: EmbeddingModel) -> tuple[str, Any] | None:
    """The other way back: the address and the name of the step that completes the model before this one first."""
    before = lifecycle.previous(model)
    if before is None or not STEPS["complete"].offered(before):
        return None
    return reverse("admin:search_model_step", args=[before.pk, "complete"]), STEPS["complete"].label


def take(model_admin: Any, request: HttpRequest, pk: int, name: str) -> HttpResponse:
    step = STEPS.get(name)
    if step is None:
        raise Http404
    user: Any = request.user
    if not user.has_perm(step.permission):
        raise PermissionDenied
    model = get_object_or_404(EmbeddingModel, pk=pk)
    page = reverse("admin:search_embeddingmodel_change", args=[pk])
    if not step.offered(model):
        messages.error(
            request,
            gettext("“%(step)s” is not to be had for %(model)s, which is %(state)s.")
            % {"step": step.label, "model": model, "state": model.get_state_display()},
        )
        return HttpResponseRedirect(page)
    warnings = step.warn(model)
    if request.method == "POST" and (not warnings or request.POST.get("whatever") == "1"):
        try:
            done = step.act(model)
        except (lifecycle.Refused, ModelUnavailable) as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(page)
        model_admin.log_change(request, model, done)
        messages.success(request, done)
        return HttpResponseRedirect(reverse("admin:search_embeddingmodel_changelist") if name == "prune" else page)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"{step.label}: {model}",
        "opts": model_admin.opts,
        "model": model,
        "step": step,
        "explanations": step.explain(model),
        "warnings": warnings,
        "unconfirmed": request.method == "POST",
        "page": page,
        "instead": _instead(model) if name == "rollback" and warnings else None,
    }
    return TemplateResponse(request, "admin/search/step.html", context, status=400 if request.method == "POST" else 200)
