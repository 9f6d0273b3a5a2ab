"""The search page: one box, filters beside it, a grid of results; all of its state is in the URL."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import InvalidPage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from assets.filters import AssetFilterSet
from assets.models import Asset
from assets.paginator import DEEPEST, paginator_for
from search.encoders import ModelUnavailable
from search.forms import MeaningForm
from search.models import NoActiveModel

PAGE_SIZE = 48


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    if not (request.user.is_authenticated or settings.DAM_PUBLIC_READ):
        return redirect_to_login(request.get_full_path())
    visible = Asset.objects.visible_to(request.user)
    meaning = MeaningForm(request.GET, visible=visible)
    filters = AssetFilterSet(request.GET, queryset=visible.for_display())
    context: dict[str, Any] = {"meaning": meaning, "filters": filters, "problem": ""}
    status = 200
    if meaning.is_valid() and filters.is_valid():
        try:
            context["page"] = _page(request, meaning.rank(filters.qs))
            context["similar_to"] = meaning.cleaned_data["similar_to"]
        except (NoActiveModel, ModelUnavailable) as error:
            context["problem"], status = str(error), 503
        except InvalidPage as error:
            context["problem"], status = str(error), 404
    else:
        status = 400
    template = "search/results.html" if request.htmx and not request.htmx.boosted else "search/page.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=status)


@require_safe
def asset(request: HttpRequest, pk: int) -> HttpResponse:
    if not (request.user.is_authenticated or settings.DAM_PUBLIC_READ):
        return redirect_to_login(request.get_full_path())
    found = get_object_or_404(Asset.objects.visible_to(request.user).for_display(), pk=pk)
    return render(request, "search/asset.html", {"asset": found})


def _page(request: HttpRequest, assets: Any) -> Any:
    paginator = paginator_for(assets, PAGE_SIZE)
    number = (
        paginator.validate_number(request.GET.get("page", "1")) if paginator.count is not None else _number(request)
    )
    return paginator.page(number)


def _number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:10]) <= DEEPEST // PAGE_SIZE):
        raise InvalidPage("That page number is not between 1 and %d" % (DEEPEST // PAGE_SIZE))
    return int(text)
