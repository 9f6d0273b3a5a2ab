"""Policies, what each would flag before it is saved, and the flags to review."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from assets.admin.base import ModelAdmin
from assets.admin.display import day, moment, thumbnail
from assets.admin.filters import cleaned
from assets.models import Asset
from assets.querysets import AssetQuerySet
from search import policies
from search.encoders import ModelUnavailable
from search.models import NoActiveModel, Policy, PolicyFlag
from search.query import InvalidQuery
from search.relevance import Relevance

STATES = {PolicyFlag.State.OPEN: "warning", PolicyFlag.State.CONFIRMED: "danger", PolicyFlag.State.DISMISSED: "info"}


class PolicyForm(forms.ModelForm):
    class Meta:
        model = Policy
        fields = ("name", "text", "threshold", "enabled")

    def clean_text(self) -> str:
        try:
            policies.parts_of(self.cleaned_data["text"])
        except InvalidQuery as error:
            raise forms.ValidationError(error.all_messages) from error
        return self.cleaned_data["text"]


class PreviewForm(forms.ModelForm):
    """The part of a policy that says what it flags."""

    clean_text = PolicyForm.clean_text

    class Meta:
        model = Policy
        fields = ("text", "threshold")


@admin.register(Policy)
class PolicyAdmin(ModelAdmin):
    form = PolicyForm
    list_display = ("name", "asked", "from_percent", "enabled", "to_review", "confirmed", "checked", "problem")
    search_fields = ("name", "text")
    list_filter = ("enabled",)
    show_facets = admin.ShowFacets.NEVER
    fields = ("name", "text", "threshold", "enabled", "checked", "problem")
    readonly_fields = ("checked", "problem")
    change_form_before_template = "admin/search/policy_preview_button.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        visible = Q(flags__asset__in=Asset.objects.visible_to(request.user))
        states = PolicyFlag.State
        return Policy.objects.annotate(
            open_flags=Count("flags", filter=visible & Q(flags__state=states.OPEN)),
            confirmed_flags=Count("flags", filter=visible & Q(flags__state=states.CONFIRMED)),
        ).order_by("name")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        return [path("preview/", view, name="search_policy_preview"), *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """What the form, as it is filled in, would flag; nothing is saved."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        form, preview, problem = PreviewForm(request.POST), None, ""
        if form.is_valid():
            visible = Asset.objects.visible_to(request.user)
            try:
                preview = policies.preview(form.cleaned_data["text"], form.cleaned_data["threshold"], visible)
            except InvalidQuery as error:
                problem = " ".join(error.all_messages)
            except (NoActiveModel, ModelUnavailable, policies.NotMeasured) as error:
                problem = str(error)
        context = {
            **self.admin_site.each_context(request),
            "title": _("What this policy would flag"),
            "opts": self.opts,
            "form": form,
            "preview": preview,
            "problem": problem,
        }
        return TemplateResponse(request, "admin/search/policy_preview.html", context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """A policy takes its flags along, although nobody may delete those by hand."""
        to_delete, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, perms_needed - {PolicyFlag._meta.verbose_name}, protected

    @display(description=_("Text"))
    def asked(self, policy: Policy) -> str:
        return policy.text if len(policy.text) <= 100 else f"{policy.text[:99]}…"

    @display(description=_("Flags from"), ordering="threshold")
    def from_percent(self, policy: Policy) -> str:
        return f"{policy.threshold} %"

    @display(description=_("To review"), ordering="open_flags")
    def to_review(self, policy: Any) -> SafeString:
        return self._flags(policy, PolicyFlag.State.OPEN, policy.open_flags)

    @display(description=_("Confirmed"), ordering="confirmed_flags")
    def confirmed(self, policy: Any) -> SafeString:
        return self._flags(policy, PolicyFlag.State.CONFIRMED, policy.confirmed_flags)

    @display(description=_("Checked"), ordering="checked_at")
    def checked(self, policy: Policy) -> SafeString | str:
        return moment(policy.checked_at)

    @staticmethod
    def _flags(policy: Policy, state: PolicyFlag.State, count: int) -> SafeString:
        address = reverse("admin:search_policyflag_changelist")
        link = '<a class="dam-link" href="{}?policy__id__exact={}&amp;state__exact={}">{}</a>'
        return format_html(link, address, policy.pk, state.value, count)


def _decides(state: PolicyFlag.State, description: Any, name: str) -> Any:
    @admin.action(description=description, permissions=["review"])
    def decide(model_admin: Any, request: HttpRequest, queryset: QuerySet[PolicyFlag]) -> None:
        chosen = PolicyFlag.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        count = policies.decide(chosen, state, request.user)
        text = ngettext("%(count)d flag is %(state)s now.", "%(count)d flags are %(state)s now.", count)
        messages.success(request, text % {"count": count, "state": state.label})

    decide.__name__ = name
    return decide


@admin.register(PolicyFlag)
class PolicyFlagAdmin(ModelAdmin):
    """Flags are made by policies; people confirm or dismiss them, and nothing else happens to the asset."""

    actions = (
        _decides(PolicyFlag.State.CONFIRMED, _("Confirm"), "confirm"),
        _decides(PolicyFlag.State.DISMISSED, _("Dismiss"), "dismiss"),
        _decides(PolicyFlag.State.OPEN, _("Open again"), "reopen"),
    )
    list_display = ("picture", "name", "policy", "relevance", "progress", "decided", "flagged")
    list_display_links = ("picture",)
    list_select_related = ("asset", "policy", "decided_by")
    list_filter = (("state", ChoicesDropdownFilter), ("policy", RelatedDropdownFilter))
    search_fields = ("asset__filename", "asset__title", "policy__name")
    show_facets = admin.ShowFacets.NEVER
    fields = ("policy", "name", "relevance", "similarity", "state", "decided", "flagged")
    readonly_fields = ("name", "relevance", "decided", "flagged")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PolicyFlag]:
        visible = Asset.objects.visible_to(request.user)
        flags = PolicyFlag.objects.filter(asset__in=visible).prefetch_related("asset__renditions")
        return flags.order_by("-similarity", "pk")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_review_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("search.change_policyflag")

    @display(description=_("Picture"))
    def picture(self, flag: PolicyFlag) -> SafeString:
        return thumbnail(flag.asset)

    @display(description=_("Asset"), ordering="asset")
    def name(self, flag: PolicyFlag) -> SafeString:
        address = reverse("admin:assets_asset_change", args=[flag.asset_id])
        return format_html('<a class="dam-link" href="{}">{}</a>', address, flag.asset)

    @display(description=_("Relevance"), ordering="similarity")
    def relevance(self, flag: PolicyFlag) -> str:
        """In the space that the policy was last checked in."""
        policy = flag.policy
        if policy.centre is None or policy.cut is None:
            return "–"
        distance = (2 - 2 * min(1.0, flag.similarity)) ** 0.5
        return f"{policies.percent(Relevance(policy.centre, policy.cut), distance)} %"

    @display(description=_("State"), ordering="state", label=STATES)
    def progress(self, flag: PolicyFlag) -> tuple[str, str]:
        return PolicyFlag.State(flag.state), flag.get_state_display()

    @display(description=_("Decided"), ordering="decided_at")
    def decided(self, flag: PolicyFlag) -> SafeString | str:
        if flag.decided_at is None:
            return "–"
        return format_html("{}<br>{}", flag.decided_by or "–", moment(flag.decided_at))

    @display(description=_("Flagged"), ordering="created_at")
    def flagged(self, flag: PolicyFlag) -> SafeString | str:
        return day(flag.created_at)


class FlaggedFilter(DropdownFilter):
    """Assets by what a policy said of them, counted."""

    title = _("policies")
    parameter_name = "flagged"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        rows = PolicyFlag.objects.filter(asset__in=Asset.objects.visible_to(request.user)).order_by()
        counts = dict(rows.values_list("state").annotate(Count("asset", distinct=True)))
        return [(value, f"{label} ({counts.get(value, 0)})") for value, label in PolicyFlag.State.choices]

    def queryset(self, request: HttpRequest, queryset: AssetQuerySet) -> AssetQuerySet:
        field = forms.ChoiceField(choices=PolicyFlag.State.choices, required=False)
        state = cleaned(request, self.title, field, self.value())
        flags = PolicyFlag.objects.filter(asset=OuterRef("pk"), state=state)
        return queryset.filter(Exists(flags)) if state else queryset
