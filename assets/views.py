"""Serving bytes. Every request checks who asks; with S3 the answer is a redirect to a URL that expires."""

from collections.abc import Callable
from functools import wraps
from pathlib import PurePath
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from assets.models import Asset, Rendition

# An original may be anything that somebody uploaded: never shown inside our pages, never run.
SANDBOX = "sandbox; default-src 'none'"

View = Callable[..., HttpResponseBase]


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
    response = _serve(asset.original, asset.mime_type, filename=asset.filename, as_attachment=True)
    patch_cache_control(response, private=True, no_cache=True)
    return response


@for_bearers
def rendition(request: HttpRequest, pk: int, preset: str) -> HttpResponseBase:
    """A rendition, shown inline; its content never changes, so browsers may keep it."""
    visible = Asset.objects.visible_to(request.user)
    found = get_object_or_404(Rendition.objects.select_related("asset"), asset__in=visible, asset_id=pk, preset=preset)
    name = f"{PurePath(found.asset.filename).stem}-{preset}.webp"
    response = _serve(found.file, found.mime_type, filename=name, as_attachment=False)
    if not isinstance(response, HttpResponseRedirect):
        response["Cache-Control"] = "private, max-age=86400"
    return response


def _serve(file: Any, mime_type: str, *, filename: str, as_attachment: bool) -> HttpResponseBase:
    if not isinstance(file.storage, FileSystemStorage):
        disposition = content_disposition_header(as_attachment, filename)
        parameters = {"ResponseContentDisposition": disposition, "ResponseContentType": mime_type}
        return HttpResponseRedirect(file.storage.url(file.name, parameters=parameters))
    try:
        content: File = file.open("rb")
    except FileNotFoundError as error:
        raise Http404("The file is missing from storage.") from error
    return FileResponse(
        content,
        as_attachment=as_attachment,
        filename=filename,
        content_type=mime_type,
        headers={
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": SANDBOX,
        },
    )
