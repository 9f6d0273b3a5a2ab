"""Serving bytes. Every request checks who asks; with S3 the answer is a redirect to a URL that expires."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from pathlib import PurePath
from typing import Any

from django.core.files.storage import FileSystemStorage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import MissingFileError, Response, SlicedFile, StaticFile

from assets.models import Asset, Kind, Rendition

# An original may be anything that somebody uploaded: never shown inside our pages, never run.
SANDBOX = "sandbox; default-src 'none'"
# What browsers play and leaf through with viewers of their own, which a sandbox would keep from starting.
VIEWED = "default-src 'none'; media-src 'self'; object-src 'self'; style-src 'unsafe-inline'"

View = Callable[..., HttpResponseBase]


class Stored(StaticFile):
    """WhiteNoise's, which takes a range of one byte for an empty one, and does not know If-Range."""

    def get_response(self, method: str, headers: dict[str, Any]) -> Response:
        if headers.get("HTTP_IF_RANGE", self.etag) != self.etag:  # a date proves too little
            headers = {**headers, "HTTP_RANGE": ""}
        return super().get_response(method, headers)

    def get_range_response(self, asked: str, headers: list[tuple[str, str]], file: Any) -> Response:
        size = int(dict(headers)["Content-Length"])
        start, end = self.get_byte_range(asked, size)
        if start != end:
            return super().get_range_response(asked, headers, file)
        part = [("Content-Range", f"bytes {start}-{end}/{size}"), ("Content-Length", "1")]
        rest = [header for header in headers if header[0] != "Content-Length"]
        return Response(HTTPStatus.PARTIAL_CONTENT, [*rest, *part], file and SlicedFile(file, start, end))


def for_bearers(view: View) -> View:
    """Reading bytes for who has a session or sends a bearer token of the API."""

    @require_safe
    @wraps(view)
    def authenticated(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            bearer = TokenAuthentication().authenticate(request)
        except AuthenticationFailed as error:
            return HttpResponse(
                error.detail, status=401, content_type="text/plain", headers={"WWW-Authenticate": "Bearer"}
            )
        if bearer:
            request.user = bearer[0]
        response = view(request, *args, **kwargs)
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return response

    return authenticated


@for_bearers
def original(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The original, as an attachment under its user's file name."""
    asset = get_object_or_404(Asset.objects.visible_to(request.user), pk=pk)
    response = _serve(request, asset.original, asset.mime_type, filename=asset.filename, as_attachment=True)
    patch_cache_control(response, private=True, no_cache=True)
    return response


@for_bearers
def view(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A video to play or a document to leaf through: the original, shown inline. Pictures have their renditions."""
    visible = Asset.objects.visible_to(request.user).filter(kind__in=[Kind.VIDEO, Kind.DOCUMENT])
    asset = get_object_or_404(visible, pk=pk)
    response = _serve(
        request, asset.original, asset.mime_type, filename=asset.filename, as_attachment=False, policy=VIEWED
    )
    patch_cache_control(response, private=True, no_cache=True)
    return response


@for_bearers
def rendition(request: HttpRequest, pk: int, preset: str, segment: int = 0) -> HttpResponseBase:
    """A rendition of the whole or of a segment, shown inline; browsers may keep it."""
    visible = Asset.objects.visible_to(request.user)
    renditions = Rendition.objects.select_related("asset").filter(asset__in=visible, asset_id=pk)
    found = get_object_or_404(renditions, preset=preset, segment=segment)
    name = f"{PurePath(found.asset.filename).stem}-{f'{segment}-' if segment else ''}{preset}.webp"
    response = _serve(request, found.file, found.mime_type, filename=name, as_attachment=False)
    if not isinstance(response, HttpResponseRedirect):
        response["Cache-Control"] = "private, max-age=86400"
    return response


def _serve(
    request: HttpRequest,
    file: Any,
    mime_type: str,
    *,
    filename: str,
    as_attachment: bool,
    policy: str = SANDBOX,
) -> HttpResponseBase:
    """Answer with a stored file, or the part of it that was asked for, or where storage itself serves it."""
    disposition = content_disposition_header(as_attachment, filename) or "inline"
    if not isinstance(file.storage, FileSystemStorage):
        parameters = {"ResponseContentDisposition": disposition, "ResponseContentType": mime_type}
        return HttpResponseRedirect(file.storage.url(file.name, parameters=parameters))
    headers = [
        ("Content-Type", mime_type),
        ("Content-Disposition", disposition),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", policy),
        ("Accept-Ranges", "bytes"),
    ]
    try:
        stored = Stored(file.path, headers)
    except MissingFileError as error:
        raise Http404("The file is missing from storage.") from error
    return WhiteNoiseMiddleware.serve(stored, request)
