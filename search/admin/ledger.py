"""The ledger of vectors: what each model made of each asset, what it owes, and why something could not be made."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, Func, IntegerField, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter, TextFilter
from unfold.decorators import display

from assets import doorbell
from assets.admin.display import STATE_LABELS, duration, moment, thumbnail
from assets.admin.filters import cleaned
from assets.ledger import State
from assets.models import Asset, Segment
from search.admin.embedding import ReadOnlyAdmin
from search.admin.panel import panels
from search.models import Embedding, EmbeddingModel

# Vectors that are made again are inserted into their index again, each of which takes a millisecond or two.
MOST_AT_ONCE = 20_000
AGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


class ChoiceFilter(DropdownFilter):
    """One of a few choices, each with its condition."""

    conditions: dict[str, tuple[Any, Q]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(name, label) for name, (label, _condition) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        choices = [(name, name) for name in self.conditions]
        chosen = cleaned(request, self.title, forms.ChoiceField(choices=choices, required=False), self.value())
        return queryset.filter(self.conditions[chosen][1]) if chosen else queryset


class AttemptsFilter(ChoiceFilter):
    title = _("attempts")
    parameter_name = "attempts"
    conditions = {
        "0": (_("none yet"), Q(attempts=0)),
        "1": (_("one"), Q(attempts=1)),
        "2": (_("two"), Q(attempts=2)),
        "3": (_("three or more"), Q(attempts__gte=3)),
    }


class PartFilter(ChoiceFilter):
    title = _("part")
    parameter_name = "part"
    conditions = {
        "whole": (_("whole assets"), Q(segment=0)),
        "segment": (_("segments of an asset"), Q(segment__gt=0)),
    }


class AgeFilter(ChoiceFilter):
    """When the last attempt ended."""

    title = _("age")
    parameter_name = "age"
    conditions = {
        "hour": (_("tried in the last hour"), Q(finished_at__gte=Now() - AGES["hour"])),
        "day": (_("tried in the last 24 hours"), Q(finished_at__gte=Now() - AGES["day"])),
        "week": (_("tried in the last 7 days"), Q(finished_at__gte=Now() - AGES["week"])),
        "older": (_("tried longer ago"), Q(finished_at__lt=Now() - AGES["week"])),
        "never": (_("never tried to the end"), Q(finished_at__isnull=True)),
    }


class ReasonFilter(TextFilter):
    """Words of the reason, the decoder's too."""

    title = _("reason")
    parameter_name = "reason"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        words = cleaned(request, self.title, forms.CharField(required=False, max_length=200), self.value())
        if not words:
            return queryset
        undecodable = Asset.objects.filter(problem__icontains=words)
        return queryset.filter(Q(problem__icontains=words) | Q(asset__in=undecodable))


@admin.action(description=_("Run again"), permissions=["retry"])
def retry(model_admin: Any, request: HttpRequest, queryset: Any) -> None:
    """Owe the rows again; where the asset itself could not be prepared, that first."""
    live = queryset.filter(model__in=EmbeddingModel.objects.live()).order_by()
    if live.filter(vector__isnull=False)[: MOST_AT_ONCE + 1].count() > MOST_AT_ONCE:
        text = gettext("More than %d of these have a vector. To make so many anew, run: manage.py embed --all")
        messages.error(request, text % MOST_AT_ONCE)
        return
    ids = list(live.values_list("pk", flat=True))
    broken = Asset.objects.filter(embeddings__in=ids, state=State.QUARANTINED).values_list("pk", flat=True)
    if request.user.has_perm("assets.change_asset") and (unprepared := set(broken)):
        Asset.objects.filter(pk__in=unprepared).retry()
        doorbell.ring("assets.tasks.prepare_pending")
    count = Embedding.objects.filter(pk__in=ids).retry()
    doorbell.ring("search.tasks.embed_pending")
    text = ngettext("%d embedding is owed again.", "%d embeddings are owed again.", count)
    messages.success(request, text % count)
    if retired := queryset.exclude(model__in=EmbeddingModel.objects.live()).count():
        text = ngettext(
            "%d embedding is left as it is, because its model is retired.",
            "%d embeddings are left as they are, because their model is retired.",
            retired,
        )
        messages.warning(request, text % retired)


@admin.register(Embedding)
class EmbeddingAdmin(ReadOnlyAdmin):
    actions = (retry,)
    list_display = ("picture", "name", "progress", "attempts", "reason", "sizes", "when")
    list_display_links = ("picture",)
    list_select_related = ("asset", "model")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("model", RelatedDropdownFilter),
        AttemptsFilter,
        ReasonFilter,
        ("asset__kind", ChoicesDropdownFilter),
        PartFilter,
        AgeFilter,
    )
    list_before_template = "admin/search/ledger.html"
    search_fields = ("asset__filename", "asset__title", "problem")
    show_facets = admin.ShowFacets.NEVER
    fields = (
        "asset_link", "space", "segment", "state", "attempts", "reason", "preparation", "started_at", "finished_at",
        "took", "sizes", "leased_until",
    )  # fmt: skip
    readonly_fields = ("asset_link", "space", "reason", "preparation", "took", "sizes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Embedding]:
        visible = Asset.objects.visible_to(request.user)
        size = Func(F("vector"), function="pg_column_size", output_field=IntegerField())
        rows = Embedding.objects.filter(asset__in=visible).defer("vector").annotate(vector_bytes=size).order_by("-pk")
        return rows.prefetch_related("asset__renditions", "asset__segments")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.counts_view)
        return [path("counts/", view, name="search_ledger_counts"), *super().get_urls()]

    def counts_view(self, request: HttpRequest) -> HttpResponse:
        """What stands above the list; asked for by the page, so that a large library's list does not wait for it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = panels(EmbeddingModel.objects.exclude(state=EmbeddingModel.State.PRUNING).order_by("state", "-pk"))
        return TemplateResponse(request, "admin/search/ledger_counts.html", {"panels": found})

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("search.change_embedding")

    @display(description=_("Picture"))
    def picture(self, row: Embedding) -> SafeString:
        return thumbnail(row.asset, row.segment)

    @display(description=_("Asset, model"), ordering="asset")
    def name(self, row: Embedding) -> SafeString:
        of = f"{part_of(row)} · {row.model}" if row.segment else row.model
        return format_html('<span class="dam-name">{}</span><span class="dam-filename">{}</span>', row.asset, of)

    @display(description=_("Asset"))
    def asset_link(self, row: Embedding) -> SafeString:
        address = reverse("admin:assets_asset_change", args=[row.asset_id])
        return format_html('<a class="dam-link" href="{}">{}</a>', address, row.asset)

    @display(description=_("Model"))
    def space(self, row: Embedding) -> str:
        return str(row.model)

    @display(description=_("State"), ordering="state", label=STATE_LABELS)
    def progress(self, row: Embedding) -> tuple[str, str]:
        return State(row.state), row.get_state_display()

    @display(description=_("Reason"))
    def reason(self, row: Embedding) -> SafeString:
        return reason_of(row)

    @display(description=_("Preparation"))
    def preparation(self, row: Embedding) -> str:
        state = row.asset.get_state_display()
        return f"{state}: {row.asset.problem}" if row.asset.problem else state

    @display(description=_("Took"))
    def took(self, row: Embedding) -> str:
        return duration(row.duration)

    @display(description=_("Bytes"), ordering="asset__size")
    def sizes(self, row: Any) -> SafeString:
        """Of the original, and below it of the vector."""
        vector = filesizeformat(row.vector_bytes) if row.vector_bytes else "–"
        return format_html('<span class="dam-bytes">{}<br>{}</span>', filesizeformat(row.asset.size), vector)

    @display(description=_("When, how long"), ordering="finished_at")
    def when(self, row: Embedding) -> SafeString:
        ended = moment(row.finished_at or row.started_at)
        return format_html('<span class="dam-bytes">{}<br>{}</span>', ended, duration(row.duration))


def part_of(row: Embedding) -> str:
    """Which segment of its asset a row is of: "0:42", "page 3"."""
    segments: dict[int, Segment] = {segment.number: segment for segment in row.asset.segments.all()}
    return segments[row.segment].label if row.segment in segments else str(row.segment)


def reason_of(row: Embedding) -> SafeString:
    """Why a row is not ready; for an asset that could not be prepared, in the decoder's words."""
    if row.problem:
        return format_html("{}", row.problem)
    if row.state != State.READY and row.asset.state != State.READY:
        words = row.asset.problem or gettext("its asset is not prepared yet")
        return format_html('<span class="dam-decoder">{}</span> {}', gettext("preparation"), words)
    return mark_safe("")
