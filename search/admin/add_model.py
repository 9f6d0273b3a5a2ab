"""The page that adds an embedding model: by its name, once it is known that it can be loaded."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from search import lifecycle
from search.encoders import ELSEWHERE, ModelUnavailable, get_encoder, names_a_path
from search.models import EmbeddingModel


class AddModelForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=255,
        help_text=_(
            "As in DAM_MODEL: “emoji-scenes”, “ViT-B-32/laion2b_s34b_b79k”, “chinese-clip:…”,"
            " “sentence-transformers:…”, or a service elsewhere."
        ),
        widget=UnfoldAdminTextInputWidget,
    )
    switch_when_complete = forms.BooleanField(
        label=_("Takes over when complete"),
        required=False,
        help_text=_("Otherwise it waits, complete, until somebody switches to it."),
        widget=UnfoldBooleanSwitchWidget,
    )

    def __init__(self, *args: Any, may_name_paths: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.may_name_paths = may_name_paths

    def clean_name(self) -> str:
        """Check that the model can be had; loading it is for the encoder process, not for this one."""
        name = self.cleaned_data["name"]
        known = EmbeddingModel.objects.filter(name=name).first()
        if known is not None:
            if known.state in (EmbeddingModel.State.ACTIVE, EmbeddingModel.State.BUILDING):
                raise forms.ValidationError(gettext("%s is there already.") % name)
            return name
        if names_a_path(name) and not self.may_name_paths:
            raise forms.ValidationError(gettext("Only a superuser may name a file or folder of the encoder's machine."))
        if not settings.DAM_ENCODER_URL and name.partition(":")[0] not in ELSEWHERE:
            raise forms.ValidationError(
                gettext(
                    "It cannot be checked here whether this model can be loaded, because no encoder process is set up"
                    " (DAM_ENCODER_URL). On the machine that embeds, run: manage.py models add %s"
                )
                % name
            )
        try:
            _ = get_encoder(name).dimensions
        except (ModelUnavailable, ValueError) as error:
            again = gettext("It is checked by loading it. While it is being loaded, try again from time to time.")
            raise forms.ValidationError([str(error), again]) from error
        return name


def add_model(model_admin: Any, request: HttpRequest) -> HttpResponse:
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    form = AddModelForm(
        request.POST if request.method == "POST" else None,
        initial={"switch_when_complete": True},
        may_name_paths=getattr(request.user, "is_superuser", False),
    )
    if form.is_valid():
        wanted = form.cleaned_data
        try:
            model = lifecycle.add(wanted["name"], switch_when_complete=wanted["switch_when_complete"])
        except (lifecycle.Refused, ModelUnavailable) as error:
            form.add_error("name", str(error))
        else:
            model_admin.log_addition(request, model, gettext("Added."))
            messages.success(request, gettext("%s is being built; queries are answered as before.") % model)
            return HttpResponseRedirect(reverse("admin:search_embeddingmodel_change", args=[model.pk]))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Add an embedding model"),
        "opts": model_admin.opts,
        "media": model_admin.media + form.media,
        "form": form,
    }
    return TemplateResponse(request, "admin/search/add_model.html", context)
