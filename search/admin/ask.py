"""The books of what was asked of the language model, for reading; and drafts of descriptions, which a person saves."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter, RelatedDropdownFilter
from unfold.decorators import display

from assets.admin.base import ModelAdmin
from assets.models import Asset
from search.ask.describing import Drafts, describe
from search.ask.errors import AskFailed
from search.ask.setup import missing
from search.models import Ask

OUTCOMES = {
    Ask.Outcome.PENDING: "warning",
    Ask.Outcome.ANSWERED: "success",
    Ask.Outcome.NOTHING: "info",
    Ask.Outcome.DECLINED: "warning",
    Ask.Outcome.FAILED: "danger",
    Ask.Outcome.ABANDONED: "warning",
}


@admin.register(Ask)
class AskAdmin(ModelAdmin):
    """Nobody writes in the books, and nobody tears out a page: the budget of a day is counted from them."""

    list_display = ("question", "user", "kind", "model", "tokens", "end", "asked_at")
    list_select_related = ("user",)
    list_filter = (
        ("outcome", ChoicesDropdownFilter),
        ("what", ChoicesDropdownFilter),
        ("user", RelatedDropdownFilter),
        ("asked_at", RangeDateFilter),
    )
    search_fields = ("question", "user__username", "model")
    show_facets = admin.ShowFacets.NEVER
    fields = ("question", "what", "user", "search", "sent", "model", "tokens_in", "tokens_out", "reserved", "outcome",
              "problem", "said", "asked_at", "ended_at")  # fmt: skip
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("What"), ordering="what")
    def kind(self, row: Ask) -> str:
        return row.get_what_display()

    @display(description=_("Tokens in and out"), ordering="tokens_in")
    def tokens(self, row: Ask) -> str:
        if row.tokens_in is None or row.tokens_out is None:
            return f"≤ {row.reserved}"
        return f"{row.tokens_in} + {row.tokens_out}"

    @display(description=_("Outcome"), ordering="outcome", label=OUTCOMES)
    def end(self, row: Ask) -> tuple[str, str]:
        return row.outcome, row.get_outcome_display()

    @display(description=_("Assets sent"))
    def sent(self, row: Ask) -> SafeString | str:
        links = ((reverse("admin:assets_asset_change", args=[pk]), n, pk) for n, pk in enumerate(row.assets, start=1))
        return format_html_join(", ", '<a class="dam-link" href="{}">{} = #{}</a>', links) or "–"

    @display(description=_("Answer"))
    def said(self, row: Ask) -> SafeString | str:
        lines = ((" · ".join(f"{name}: {value}" for name, value in one.items()),) for one in row.answer)
        return format_html_join("", "<p>{}</p>", lines) or "–"


class ReviewForm(forms.ModelForm):
    """What a person makes of the drafts."""

    class Meta:
        model = Asset
        fields = ("title", "description")
        widgets = {
            "title": forms.TextInput({"class": "dam-field"}),
            "description": forms.Textarea({"class": "dam-field", "rows": 4}),
        }


class DescribeMixin:
    """For the asset admin: a button that has an asset described, and the page on which the drafts are reviewed."""

    admin_site: Any
    opts: Any
    has_change_permission: Any
    log_change: Any
    get_queryset: Any

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.describe_view)
        return [path("<int:pk>/describe/", view, name="assets_asset_describe"), *super().get_urls()]  # type: ignore[misc]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        asset = kwargs.get("obj")
        more = (
            {"describing": True, "describing_off": missing()}
            if asset and self.has_change_permission(request, asset)
            else {}
        )
        return super().render_change_form(request, context | more, *args, **kwargs)  # type: ignore[misc]

    def describe_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Draft, and show the drafts; or save what somebody made of them."""
        if request.method != "POST":  # a draft costs something
            return HttpResponseNotAllowed(["POST"])
        asset = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_change_permission(request, asset):
            raise PermissionDenied
        back = reverse("admin:assets_asset_change", args=[asset.pk])
        if "save" in request.POST:
            return self._save(request, asset, back)
        try:
            drafts = describe(asset, request.user)
        except AskFailed as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(back)
        drafted = {"title": drafts.caption or asset.title, "description": drafts.alt or asset.description}
        form = ReviewForm(instance=asset, initial=drafted)
        return self._review(request, asset, form, drafts)

    def _save(self, request: HttpRequest, asset: Asset, back: str) -> HttpResponse:
        before = {"title": asset.title, "description": asset.description}
        form = ReviewForm(request.POST, instance=asset)
        if not form.is_valid():
            return self._review(request, asset, form, None)
        changed = [name for name, text in before.items() if getattr(asset, name) != text]
        if changed:
            asset.save(update_fields=[*changed, "updated_at"])
            self.log_change(request, asset, [{"changed": {"fields": changed}}])
            messages.success(request, gettext("The description is saved."))
        return HttpResponseRedirect(back)

    def _review(self, request: HttpRequest, asset: Asset, form: ReviewForm, drafts: Drafts | None) -> HttpResponse:
        before = Asset.objects.values("title", "description").get(pk=asset.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Review the drafts"),
            "opts": self.opts,
            "original": asset,
            "before": before,
            "form": form,
            "drafts": drafts,
        }
        return TemplateResponse(request, "admin/search/describe.html", context, status=400 if form.errors else 200)
