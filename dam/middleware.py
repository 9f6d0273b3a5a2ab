"""The first middleware: what is refused before anything reads it, and that answers of the API are not kept."""

from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control

from assets.api.errors import MEDIA_TYPE, problem_body
from search.query_pictures import most_bytes

MEGABYTE = 1024 * 1024


def gate(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = _too_large(request) or _unreadable(request) or get_response(request)
        if _of_api(request):
            patch_cache_control(response, private=True, no_cache=True)
        return response

    return middleware


def refusal(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    """A problem object for the API, a line of text for everybody else."""
    if _of_api(request):
        return JsonResponse(problem_body(status, detail), status=status, content_type=MEDIA_TYPE)
    return HttpResponse(detail, status=status, content_type="text/plain; charset=utf-8")


def _of_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _too_large(request: HttpRequest) -> HttpResponse | None:
    """Refuse by the declared length. A body without one is bounded by Django as it is read."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    takes_files = request.method == "POST" and {
        reverse("api:asset-list"): settings.DAM_MAX_UPLOAD_BYTES,
        reverse("admin:assets_asset_add"): settings.DAM_MAX_UPLOAD_BYTES,
        reverse("api:search"): most_bytes(),
        reverse("api:embeddings"): most_bytes(),
        reverse("search"): most_bytes(),
    }.get(request.path_info)
    limit = takes_files or settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    envelope = MEGABYTE if takes_files else 0  # the other fields of the form
    if not declared.isdecimal() or int(declared) <= limit + envelope:
        return None
    return refusal(request, 413, f"The request is larger than the limit of {limit / MEGABYTE:g} MB.")


def _unreadable(request: HttpRequest) -> HttpResponse | None:
    """Refuse what no text column can be compared with: null characters, and credentials that are no text."""
    sent = unquote_to_bytes(request.META.get("QUERY_STRING", ""))
    if b"\0" in sent and not (_of_api(request) or request.path_info == reverse("search")):  # these name the parameter
        return refusal(request, 400, "Null characters are not allowed in an address.")
    if any("\0" in cookie for cookie in request.COOKIES.values()):
        return refusal(request, 400, "Null characters are not allowed in a cookie.")
    if not request.headers.get("Authorization", "").isascii():
        return refusal(request, 400, "The Authorization header is malformed.")
    return None
