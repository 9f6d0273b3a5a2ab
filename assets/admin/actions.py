"""What can be done to many assets at once. Each asks on a page of its own what to do it with."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from assets import doorbell
from assets.models import Asset, Collection, Tag
from assets.querysets import AssetQuerySet

SHOWN = 12


@admin.action(description=_("Tag"), permissions=["change"])
def tag(model_admin: Any, request: HttpRequest, queryset: AssetQuerySet) -> HttpResponse | None:
    def apply(ids: list[int], tags: QuerySet) -> None:
        for chosen in tags:
            chosen.assets.add(*ids)

    return _choose(model_admin, request, queryset, "tag", _("Tag assets"), Tag.objects.order_by("name"), apply)


@admin.action(description=_("Untag"), permissions=["change"])
def untag(model_admin: Any, request: HttpRequest, queryset: AssetQuerySet) -> HttpResponse | None:
    def apply(ids: list[int], tags: QuerySet) -> None:
        for chosen in tags:
            chosen.assets.remove(*ids)

    carried = Asset.tags.through.objects.filter(asset__in=_ids(queryset)).values("tag")
    tags = Tag.objects.filter(pk__in=carried).order_by("name")
    return _choose(model_admin, request, queryset, "untag", _("Take tags away"), tags, apply)


@admin.action(description=_("Add to collection"), permissions=["collect"])
def collect(model_admin: Any, request: HttpRequest, queryset: AssetQuerySet) -> HttpResponse | None:
    def apply(ids: list[int], collections: QuerySet) -> None:
        for chosen in collections:
            chosen.assets.add(*ids)

    collections = Collection.objects.kept_by_hand()
    return _choose(model_admin, request, queryset, "collect", _("Add assets to collections"), collections, apply)


@admin.action(description=_("Prepare again"), permissions=["change"])
def prepare_again(model_admin: Any, request: HttpRequest, queryset: AssetQuerySet) -> None:
    count = Asset.objects.filter(pk__in=_ids(queryset)).retry()
    doorbell.ring("assets.tasks.prepare_pending")
    text = ngettext("%d asset will be prepared again.", "%d assets will be prepared again.", count)
    messages.success(request, text % count)


def _ids(queryset: AssetQuerySet) -> list[int]:
    return list(queryset.values_list("pk", flat=True))


def _choose(
    model_admin: Any,
    request: HttpRequest,
    queryset: AssetQuerySet,
    action: str,
    title: Any,
    choices: QuerySet,
    apply: Callable[[list[int], QuerySet], None],
) -> HttpResponse | None:
    """Ask which of ``choices`` to take; once that is known, apply them and go back to the list."""
    form = _ChoiceForm(request.POST if "apply" in request.POST else None, choices=choices)
    if form.is_valid():
        chosen = form.cleaned_data["chosen"]
        ids = _ids(queryset)
        apply(ids, chosen)
        what = f"{model_admin.get_actions(request)[action][2]}: {', '.join(str(row) for row in chosen)}"
        LogEntry.objects.log_actions(request.user.pk or 0, Asset.objects.filter(pk__in=ids), CHANGE, what)
        text = ngettext("%(what)s (%(count)d asset).", "%(what)s (%(count)d assets).", len(ids))
        messages.success(request, text % {"what": what, "count": len(ids)})
        return None
    count = queryset.count()
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "media": model_admin.media + form.media,
        "form": form,
        "none_to_choose": gettext("There is nothing to choose from.") if not choices.exists() else "",
        "action": action,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "shown": queryset[:SHOWN],
        "more": max(0, count - SHOWN),
        "count": count,
    }
    return TemplateResponse(request, "admin/assets/asset/choose.html", context)


class _ChoiceForm(forms.Form):
    def __init__(self, data: Any, *, choices: QuerySet) -> None:
        super().__init__(data)
        label = capfirst(choices.model._meta.verbose_name_plural)
        self.fields["chosen"] = forms.ModelMultipleChoiceField(
            choices, label=label, widget=UnfoldAdminSelect2MultipleWidget
        )
