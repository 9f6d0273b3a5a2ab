"""The page that holds one embedding model against the active one: over this library's queries, and over a typed one."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from assets.models import Asset
from search import comparison
from search.coverage import coverages
from search.encoders import ModelUnavailable, Unsupported
from search.models import EmbeddingModel, NoActiveModel
from search.query import InvalidQuery, Mode, SearchQuery
from search.results import Results

MOST_QUESTIONS = 40  # on the page; the command asks all of them
PICTURES = 12


def compare(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    user: Any = request.user
    if not model_admin.has_view_permission(request) or not user.has_perm("assets.view_asset"):
        raise PermissionDenied
    model = get_object_or_404(EmbeddingModel, pk=pk)
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("Compare %s") % model,
        "opts": model_admin.opts,
        "problems": [],
        "modes": Mode.choices,
        "mode": request.GET.get("mode") if request.GET.get("mode") in Mode.values else Mode.SEMANTIC,
        "typed": request.GET.get("q", "").strip(),
    }
    try:
        other = _other(request, model)
        covered = coverages([other, model])
        context |= {
            "other": other,
            "others": EmbeddingModel.objects.exclude(pk=pk).order_by("state", "-pk"),
            "pair": [(row, covered[row.pk]) for row in (other, model)],
        }
        if context["typed"]:
            context["sides"] = _sides((other, model), context["typed"], Mode(context["mode"]), user)
        else:
            asked = comparison.questions(user)
            visible = Asset.objects.visible_to(user)
            answer = comparison.compare((other, model), asked[:MOST_QUESTIONS], visible, Mode(context["mode"]))
            if request.GET.get("format") == "json":
                return JsonResponse(answer.as_dict())
            context |= {"answer": answer, "left_out": max(0, len(asked) - MOST_QUESTIONS)}
    except InvalidQuery as error:
        context["problems"] = error.all_messages
    except (ModelUnavailable, NoActiveModel, Unsupported) as error:
        context["problems"] = [str(error)]
    if request.GET.get("format") == "json":
        sides = [{"model": str(row), "results": found} for row, found in context.get("sides", [])]
        ids = [{**side, "results": [asset.pk for asset, _both in side["results"]]} for side in sides]
        status = 400 if context["problems"] else 200
        return JsonResponse({"problems": context["problems"], "sides": ids}, status=status)
    return TemplateResponse(request, "admin/search/compare.html", context)


def _other(request: HttpRequest, model: EmbeddingModel) -> EmbeddingModel:
    """What it is compared with: the chosen one, or the active one, or for the active one the newest beside it."""
    others = EmbeddingModel.objects.exclude(pk=model.pk)
    chosen = request.GET.get("with", "")
    if chosen.isdecimal() and (found := others.filter(pk=int(chosen[:9])).first()):
        return found
    active = others.filter(state=EmbeddingModel.State.ACTIVE, **model.slot).first()
    other = active or others.exclude(state=EmbeddingModel.State.PRUNING).order_by("-pk").first()
    if other is None:
        raise NoActiveModel(_("There is no other model to compare it with."))
    return other


def _sides(models: tuple[EmbeddingModel, EmbeddingModel], text: str, mode: Mode, user: Any) -> list[Any]:
    """For each model the first pictures that it finds, each with whether the other finds it too."""
    params = QueryDict(mutable=True)
    params["q"], params["mode"] = text, mode.value
    query = SearchQuery.parse(params)
    visible = Asset.objects.visible_to(user)
    found = [Results(query, visible, visible=visible, model=model)[0:PICTURES] for model in models]
    both = {asset.pk for asset in found[0]} & {asset.pk for asset in found[1]}
    return [
        (model, [(asset, asset.pk in both) for asset in assets]) for model, assets in zip(models, found, strict=True)
    ]
