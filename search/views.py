"""The search page: one box, filters beside it, a grid of results; all of its state is in the URL."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import wraps
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import InvalidPage, Page
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from assets.filters import AssetFilterSet
from assets.models import Asset
from assets.paginator import DEEPEST, paginator_for
from search.encoders import ModelUnavailable
from search.forms import MeaningForm
from search.models import NoActiveModel

PAGE_SIZE = 48
LAST_PAGE = DEEPEST // PAGE_SIZE
# What the search form shows a control for. Any other filter of the URL is carried along, as a chip.
CONTROLS = {
    "semantic",
    "tag",
    "collection",
    "kind",
    "created_after",
    "created_before",
    "taken_after",
    "taken_before",
    "id__gte",
    "id__lte",
}
EXAMPLES = [("en", "white truck in a snow day"), ("en", "black car in the night"), ("zh-Hans", "雪地里的卡车")]
# What the decoder may have read from a file (assets.imaging.decoder.METADATA), in the order that people read it.
FILE_FACTS = {
    "image_description": _("Description"),
    "camera_make": _("Camera make"),
    "camera_model": _("Camera model"),
    "lens": _("Lens"),
    "focal_length_mm": _("Focal length in mm"),
    "aperture": _("Aperture"),
    "exposure_seconds": _("Exposure in seconds"),
    "iso": _("ISO"),
    "artist": _("Artist"),
    "copyright": _("Copyright"),
    "software": _("Software"),
}
# Pictures may come from the object store, by a redirect.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src * data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)

View = Callable[..., HttpResponse]


class PageForm(forms.Form):
    page = forms.IntegerField(required=False, min_value=1, max_value=LAST_PAGE, label=_("Page"))


class Chip(NamedTuple):
    """One filter that is in force, and the address of the same search without it."""

    label: str
    text: str
    url: str
    asset: Asset | None = None


def for_readers(view: View) -> View:
    """A page of the library: for those who may see it, and never kept where another person could get it."""

    @require_safe
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated or settings.DAM_PUBLIC_READ:
            response = view(request, *args, **kwargs)
        elif _wants_part(request):
            response = _reload(request)  # the whole page then goes to the sign-in
        else:
            response = redirect_to_login(request.get_full_path())
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ["HX-Request"])  # Back must never show a part as a page
        return response

    return guarded


@for_readers
def search(request: HttpRequest) -> HttpResponse:
    if (query := tidy(request.GET)) != request.GET:
        return redirect(f"{request.path}?{query.urlencode()}" if query else request.path)
    visible = Asset.objects.visible_to(request.user)
    meaning = MeaningForm(request.GET, visible=visible)
    filters = AssetFilterSet(request.GET, queryset=visible.for_display())
    number = PageForm(request.GET)
    asked = [meaning, filters.form, number]
    unknown = [name for name in request.GET if not any(name in form.fields for form in asked)]
    context: dict[str, Any] = {
        "meaning": meaning,
        "filters": filters.form,
        "asked": asked,
        "unknown": unknown,
        "controls": CONTROLS,
        "examples": EXAMPLES,
    }
    status = 400
    try:
        if all(form.is_valid() for form in asked) and not unknown:
            page = paginator_for(meaning.rank(filters.qs), PAGE_SIZE).page(number.cleaned_data["page"] or 1)
            context |= _results(request, page, meaning, filters)
            status = 200
    except InvalidPage as error:
        number.add_error("page", str(error))
    except (NoActiveModel, ModelUnavailable) as error:
        context["unavailable"], status = str(error), 503
    if not _wants_part(request):
        return render(request, "search/page.html", context, status=status)
    return render(request, "search/results.html", context) if status == 200 else _reload(request)


@for_readers
def asset(request: HttpRequest, pk: int) -> HttpResponse:
    visible = Asset.objects.visible_to(request.user).for_display()
    found = get_object_or_404(visible, pk=pk)
    facts = [(label, found.metadata[name]) for name, label in FILE_FACTS.items() if name in found.metadata]
    if request.user.is_authenticated and (position := found.metadata.get("gps")):
        facts.append((_("Position"), f"{position['latitude']}, {position['longitude']}"))
    return render(request, "search/asset.html", {"asset": found, "facts": facts})


def tidy(query: QueryDict) -> QueryDict:
    """Return the query as it should be in an address: nothing empty; words replace the asset to compare with."""
    kept = QueryDict(mutable=True)
    for name, values in query.lists():
        if filled := [value for value in values if value.strip()]:
            kept.setlist(name, filled)
    if "semantic" in kept:
        kept.pop("similar_to", None)
    return kept


def _results(request: HttpRequest, page: Page, meaning: MeaningForm, filters: AssetFilterSet) -> dict[str, Any]:
    text, like = meaning.cleaned_data["semantic"], meaning.cleaned_data["similar_to"]
    before = (page.number - 1) * PAGE_SIZE
    return {
        "page": page,
        "more": page.has_next() and page.number < LAST_PAGE,
        "first": before + 1,
        "last": before + len(page),
        "ranked": bool(text or like),
        "like": like,
        "chips": [*_chips(request.GET, meaning), *_chips(request.GET, filters.form)],
        "carried": [
            (name, value)
            for name, values in request.GET.lists()
            for value in values
            if name not in CONTROLS and name != "page"
        ],
        "empty": "" if page else _why_empty(meaning.visible, filters.qs, ranked=bool(text or like)),
    }


def _why_empty(visible: QuerySet[Asset], matching: QuerySet[Asset], *, ranked: bool) -> str:
    if not visible.exists():
        return "library"
    return "embedded" if ranked and matching.exists() else "matches"


def _chips(query: QueryDict, form: forms.BaseForm) -> Iterator[Chip]:
    for name, value in form.cleaned_data.items():
        if value in (None, "", []) or name == "semantic":  # the box shows the words
            continue
        several = isinstance(form.fields[name], forms.ModelMultipleChoiceField)
        for one in value if several else [value]:
            rest = query.copy()
            rest.pop("page", None)
            rest.setlist(name, [slug for slug in rest.getlist(name) if several and slug != one.slug])
            address = rest.urlencode()
            yield Chip(
                label=str(form[name].label),
                text=_in_words(form.fields[name], one),
                url=f"?{address}" if address else ".",
                asset=one if name == "similar_to" else None,
            )


def _in_words(field: forms.Field, value: Any) -> str:
    match value:
        case datetime():
            moment = localtime(value)
            return date_format(moment, "DATE_FORMAT" if moment.time() == moment.time().min else "DATETIME_FORMAT")
        case list():
            return ", ".join(map(str, value[:5])) + (" …" if len(value) > 5 else "")
        case Model():
            return str(value)
        case _:
            return str(dict(getattr(field, "choices", ())).get(value, value))


def _wants_part(request: HttpRequest) -> bool:
    return bool(request.htmx)  # type: ignore[attr-defined]


def _reload(request: HttpRequest) -> HttpResponse:
    """Have the browser load the whole page instead of a part: it says what is wrong, beside the field."""
    return HttpResponseClientRedirect(request.get_full_path())
