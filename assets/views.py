"""Serving bytes. Every request checks who asks; with S3 the answer is a redirect to a URL that expires."""

from pathlib import PurePath
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from assets.models import Asset, Rendition

# An original may be anything that somebody uploaded: never shown inside our pages, never run.
SANDBOX = "sandbox; default-src 'none'"


@require_safe
def original(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The original, as an attachment under its user's file name."""
    asset = get_object_or_404(Asset.objects.visible_to(request.user), pk=pk)
    return _serve(asset.original, asset.mime_type, filename=asset.filename, as_attachment=True)


@require_safe
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
