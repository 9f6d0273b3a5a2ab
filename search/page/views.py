"""The search page: one box, filters beside it, a grid of results; all of its state is in the URL."""

from typing import Any

from django.core.paginator import InvalidPage, Page
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from assets.models import Asset
from assets.models.segment import timecode
from assets.querysets import AssetQuerySet
from search.encoders import ModelUnavailable
from search.language import Kind
from search.models import NoActiveModel
from search.page import ask
from search.page.asked import LAST_PAGE, PAGE_SIZE, Asked, words_alone
from search.page.cards import cards
from search.page.chips import address, cleared, filter_chips, link, part_chips, space_chips, title
from search.page.counts import counted
from search.page.guard import for_readers, wants_part, whole_page
from search.page.judging import said_of
from search.page.parts import parts
from search.page.pictures import params_with_picture, typed
from search.page.saved import can_be_saved, saved_searches
from search.query import InvalidQuery, Sort
from search.query_pictures import UnusablePicture
from search.results import Results
from search.results import search as answer
from search.throttles import count_pictures

EXAMPLES = [("en", "white truck in a snow day"), ("en", "black car in the night"), ("zh-Hans", "雪地里的卡车")]
# What the decoder may have read from a file (assets.imaging), in the order that people read it.
FILE_FACTS = {
    "title": _("Title"),
    "pages": _("Pages"),
    "duration_seconds": _("Duration"),
    "frames_per_second": _("Frames per second"),
    "video_codec": _("Video codec"),
    "audio_codec": _("Audio codec"),
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


@require_http_methods(["GET", "HEAD", "POST"])
@for_readers
def search(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _search(request)
    try:
        return redirect(f"{request.path}?{params_with_picture(request).urlencode()}")
    except InvalidQuery as error:
        asked = Asked(typed(request))
        asked.refuse({**asked.errors, **error.errors})
        return _page(request, asked, {}, 400)


@require_safe
@for_readers
def counts(request: HttpRequest) -> HttpResponse:
    """How many results there are by tag, collection, kind and so on: a part of the page, or a page of its own."""
    asked = Asked(request.GET)
    context: dict[str, Any] = {"asked": asked}
    try:
        if asked.query is None or asked.query.of_kind(Kind.URL):
            raise InvalidQuery(asked.errors)
        found = answer(asked.query, request.user)
        context |= {"facets": counted(found, request.user), "back": link(found.query.params())}
    except (InvalidQuery, NoActiveModel, ModelUnavailable):  # the search page says it, in whole sentences
        where = f"{reverse('search')}?{request.GET.urlencode()}"
        return whole_page(where) if wants_part(request) else redirect(where)
    return render(request, "search/facets.html" if wants_part(request) else "search/counts.html", context)


@require_safe
@for_readers
def asset(request: HttpRequest, pk: int) -> HttpResponse:
    visible = Asset.objects.visible_to(request.user).for_display()
    found = get_object_or_404(visible, pk=pk)
    metadata = found.metadata
    if seconds := metadata.get("duration_seconds"):
        metadata = metadata | {"duration_seconds": timecode(round(1000 * seconds))}
    facts = [(label, metadata[name]) for name, label in FILE_FACTS.items() if name in metadata]
    if request.user.is_authenticated and (position := found.metadata.get("gps")):
        facts.append((_("Position"), f"{position['latitude']}, {position['longitude']}"))
    shown, strip = parts(found, request.GET.get("segment", ""))
    return render(request, "search/asset.html", {"asset": found, "facts": facts, "shown": shown, "strip": strip})


def _search(request: HttpRequest) -> HttpResponse:
    """Answer an address: with results, with the one address that means the same, or with what is wrong with it."""
    asked = Asked(request.GET)
    context: dict[str, Any] = {}
    status = 400
    try:
        if asked.query is not None:
            if urls := asked.query.of_kind(Kind.URL):
                count_pictures(request, len(urls))
                asked.query = answer(asked.query, request.user).query
            if (params := asked.address(asked.query)) != request.GET:
                return _elsewhere(request, f"{request.path}{link(params).lstrip('.')}", moved=asked.moved(params))
            found = answer(asked.query, request.user)
            page = found.paginator(PAGE_SIZE).page(asked.number)
            context = _results(request, asked, found, page)
            status = 200
    except InvalidPage as error:
        asked.refuse({"page": [str(error)]})
    except InvalidQuery as error:
        asked.refuse(error.errors)
    except UnusablePicture as error:  # it ran out after the search
        asked.refuse({"picture": [str(error)]})
    except (NoActiveModel, ModelUnavailable) as error:
        worded = words_alone(asked.query) if asked.query else None
        context = {"unavailable": str(error), "by_words": address(worded) if worded else ""}
        status = 503
    return _page(request, asked, context, status)


def _elsewhere(request: HttpRequest, where: str, *, moved: bool) -> HttpResponse:
    # A part brings only the results: what moved out of the box needs the controls anew.
    return whole_page(where) if moved and wants_part(request) else redirect(where)


def _page(request: HttpRequest, asked: Asked, context: dict[str, Any], status: int) -> HttpResponse:
    context |= {"asked": asked, "filters": asked.filters, "examples": EXAMPLES}
    context["saved"] = saved_searches(request.user)
    if not wants_part(request):
        return render(request, "search/page.html", context, status=status)
    if status == 200:
        return render(request, "search/results.html", context)
    return whole_page(request.get_full_path())


def _results(request: HttpRequest, asked: Asked, found: Results, page: Page) -> dict[str, Any]:
    query = found.query
    before = (page.number - 1) * PAGE_SIZE
    visible = Asset.objects.visible_to(request.user)
    chips = [*part_chips(query, visible), *space_chips(query), *filter_chips(query, asked.filters)]
    said = said_of(query, request.user)
    return {
        "page": page,
        "cards": cards(page, said or {}),
        "judging": said is not None,
        "more": page.has_next() and page.number < LAST_PAGE,
        "first": before + 1,
        "last": before + len(page),
        "query": query,
        "ranked": found.ranked,
        "order": query.sort.label if query.sort is not Sort.RELEVANCE else "",
        "info": found.info(),
        "title": title(query, chips),
        "chips": chips,
        "cleared": cleared(query),
        "savable": can_be_saved(query, request.user),
        "empty": "" if page else _why_empty(found, visible),
        **ask.box(query),
    }


def _why_empty(found: Results, visible: AssetQuerySet) -> str:
    if not visible.exists():
        return "library"
    if not found.query.parts or found.query.phrases or found.model is None:
        return "matches"
    if not found.ranked:
        return "no-match"
    return "embedded" if found.query.filtered(visible).exists() else "matches"
