"""Upload of many files at once: what can be kept is kept, what cannot is named with its reason."""

import logging
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from assets.ingest import KINDS, Duplicate, Rejected, ingest
from assets.models import Asset, Collection, Tag

logger = logging.getLogger(__name__)


@dataclass
class Outcome:
    """What became of the files of one upload."""

    stored: list[Asset] = field(default_factory=list)
    refused: list[tuple[str, str, Asset | None]] = field(default_factory=list)


class FilesInput(forms.FileInput):
    """A large field to drop files on; ``x-init`` keeps off the theme's script for its own file fields."""

    allow_multiple_selected = True

    def __init__(self) -> None:
        super().__init__(
            {
                "multiple": True,
                "accept": ",".join(KINDS),
                "class": "dam-files",
                "x-init": "$el.hasChangeListener = true",
            }
        )


class FilesField(forms.Field):
    """One or more files, empty ones too: each is judged by ``ingest``, so that one refusal names one file."""

    widget = FilesInput


class UploadForm(forms.Form):
    pictures = FilesField(label=_("Pictures"), help_text=_("Choose as many as you like, or drop them here."))
    tags = forms.ModelMultipleChoiceField(
        Tag.objects.order_by("name"), required=False, label=_("Tags"), widget=UnfoldAdminSelect2MultipleWidget
    )
    collections = forms.ModelMultipleChoiceField(
        Collection.objects.kept_by_hand(),
        required=False,
        label=_("Collections"),
        widget=UnfoldAdminSelect2MultipleWidget,
    )


def upload(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Take the files of a form; stay on its page only when some were refused."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    outcome = Outcome()
    if form.is_valid():
        outcome = _take(request, form)
        for asset in outcome.stored:
            model_admin.log_addition(request, asset, [{"added": {}}])
        if outcome.stored:
            count = len(outcome.stored)
            messages.success(request, ngettext("%d file stored.", "%d files stored.", count) % count)
        if not outcome.refused:
            return HttpResponseRedirect(reverse("admin:assets_asset_changelist"))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Upload assets"),
        "opts": model_admin.opts,
        "media": model_admin.media + form.media,
        "form": form,
        "outcome": outcome,
    }
    return TemplateResponse(request, "admin/assets/asset/upload.html", context)


def _take(request: HttpRequest, form: UploadForm) -> Outcome:
    outcome = Outcome()
    files: MultiValueDict = request.FILES
    for content in files.getlist("pictures"):
        name = content.name or ""
        try:
            asset = ingest(
                content,
                name=name,
                user=request.user,  # type: ignore[arg-type]  # admin pages are for signed-in users
                tags=form.cleaned_data["tags"],
                collections=form.cleaned_data["collections"],
            )
        except Duplicate as error:
            outcome.refused.append((name, str(error), error.existing))
        except Rejected as error:
            outcome.refused.append((name, str(error).removeprefix(f"{name} "), None))
        except OSError as error:  # a full disk may still have room for the next file
            logger.exception("%s could not be stored", name)
            outcome.refused.append((name, gettext("could not be stored: %s.") % (error.strerror or error), None))
        else:
            outcome.stored.append(asset)
    return outcome
