"""Suggested tags on an asset's page: accepted or rejected one by one, or accepted from a confidence on."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from assets.models import Asset, Tag
from search.encoders import ModelUnavailable
from search.models import NoActiveModel
from search.suggestions import Suggestion, accept, reject, suggest


class DecisionForm(forms.Form):
    """What somebody decided: about one tag, or about all of ``shown`` from ``threshold`` percent on."""

    accept: Any = forms.ModelChoiceField(Tag.objects.all(), required=False, label=_("Accept"))
    reject: Any = forms.ModelChoiceField(Tag.objects.all(), required=False, label=_("Reject"))
    threshold = forms.IntegerField(
        required=False, min_value=0, max_value=100, label=_("Accept all from this confidence on, in percent")
    )
    shown: Any = forms.ModelMultipleChoiceField(Tag.objects.all(), required=False, label=_("Tags"))

    def clean(self) -> dict[str, Any]:
        decided = [name for name in ("accept", "reject", "threshold") if self.cleaned_data.get(name) is not None]
        if not self.errors and len(decided) != 1:
            raise forms.ValidationError(_("Accept or reject one tag, or give a confidence."))
        return self.cleaned_data


class SuggestionsMixin:
    """For the asset admin: ``suggestions`` in the change page's context, and the view that its buttons post to."""

    admin_site: Any
    has_change_permission: Any
    get_queryset: Any

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.suggested_tags_view)
        address = path("<int:pk>/suggested-tags/", view, name="assets_asset_suggested_tags")
        return [address, *super().get_urls()]  # type: ignore[misc]  # ModelAdmin's

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        asset = kwargs.get("obj")
        more = suggestions_for(asset) if asset and self.has_change_permission(request, asset) else {}
        return super().render_change_form(request, context | more, *args, **kwargs)  # type: ignore[misc]  # too

    def suggested_tags_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        asset = get_object_or_404(self.get_queryset(request), pk=pk)  # what the user may see
        if not self.has_change_permission(request, asset):
            raise PermissionDenied
        form = DecisionForm(request.POST)
        if form.is_valid():
            try:
                _decide(request, asset, form.cleaned_data)
            except (NoActiveModel, ModelUnavailable) as error:
                messages.error(request, str(error))
        else:
            for name, problems in form.errors.items():
                label = f"{form.fields[name].label}: " if name in form.fields else ""
                messages.error(request, label + " ".join(str(problem) for problem in problems))
        return HttpResponseRedirect(reverse("admin:assets_asset_change", args=[asset.pk]))


def suggestions_for(asset: Asset) -> dict[str, Any]:
    """Context of ``admin/search/suggestions.html``."""
    try:
        return {"suggestions": suggest(asset)}
    except (NoActiveModel, ModelUnavailable) as error:
        return {"suggestions": [], "suggestions_problem": str(error)}


def _decide(request: HttpRequest, asset: Asset, decision: dict[str, Any]) -> None:
    if tag := decision["reject"]:
        reject(asset, tag, request.user)
        messages.success(request, gettext("“%(tag)s” is not suggested for this asset any more.") % {"tag": tag})
        return
    chosen = [decision["accept"]] if decision["accept"] else _above(asset, decision["threshold"], decision["shown"])
    accept(asset, chosen, request.user)
    if chosen:
        text = ngettext("Tagged: %(tags)s.", "Tagged: %(tags)s.", len(chosen))
        messages.success(request, text % {"tags": ", ".join(tag.name for tag in chosen)})
    else:
        messages.warning(request, gettext("No suggested tag has that confidence."))


def _above(asset: Asset, threshold: int, shown: "QuerySet[Tag]") -> list[Tag]:
    """Suggested tags from this many percent on; only those that were on the page that was sent."""
    seen = {tag.pk for tag in shown}
    found: list[Suggestion] = suggest(asset, limit=len(seen)) if seen else []
    return [one.tag for one in found if one.tag.pk in seen and one.percent >= threshold]
