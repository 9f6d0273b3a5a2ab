from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from assets.admin import actions, filters
from assets.admin.base import ModelAdmin
from assets.admin.display import STATE_LABELS, day, facts, metadata_table, tag_labels, thumbnail
from assets.admin.upload import upload
from assets.ledger import State
from assets.models import Asset, Kind
from assets.querysets import AssetQuerySet


@admin.register(Asset)
class AssetAdmin(ModelAdmin):
    """Assets are added by upload, described here, and found by filters (by meaning too, in ``search.admin``)."""

    actions: Sequence[Any] = (actions.tag, actions.untag, actions.collect, actions.prepare_again)
    search_fields = ("title", "filename", "description")
    search_help_text = _("Search names and descriptions")
    list_display = ("picture", "name", "labels", "dimensions", "created", "taken", "preparation")
    list_display_links = ("picture", "name")
    list_filter: Sequence[Any] = (
        filters.TagFilter,
        filters.CollectionFilter,
        ("kind", filters.ChoicesDropdownFilter),
        ("created_at", filters.DayRangeFilter),
        ("taken_at", filters.DayRangeFilter),
        ("state", filters.PreparationFilter),
        ("id", filters.IdRangeFilter),
    )
    show_facets = admin.ShowFacets.NEVER
    autocomplete_fields = ("tags",)
    change_form_outer_before_template = "admin/assets/asset/summary.html"
    fieldsets = (
        (None, {"fields": ("title", "description", "tags", "taken_at")}),
        (_("File metadata"), {"fields": ("exif",)}),
    )
    readonly_fields = ("exif",)

    def get_queryset(self, request: HttpRequest) -> AssetQuerySet:
        return Asset.objects.visible_to(request.user).for_display()

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return upload(self, request)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        asset = kwargs.get("obj")
        return super().render_change_form(request, context | {"facts": facts(asset) if asset else []}, *args, **kwargs)

    def has_collect_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("assets.change_collection")

    @display(description=_("Picture"))
    def picture(self, asset: Asset) -> SafeString:
        return thumbnail(asset)

    @display(description=_("Name"), ordering="filename")
    def name(self, asset: Asset) -> SafeString:
        subtitle = format_html('<span class="dam-filename">{}</span>', asset.filename) if asset.title else ""
        return format_html('<span class="dam-name">{}</span>{}', asset, subtitle)

    @display(description=_("Tags"))
    def labels(self, asset: Asset) -> SafeString:
        return tag_labels(asset.tags.all())

    @display(description=_("Dimensions"), ordering=F("width") * F("height"))
    def dimensions(self, asset: Asset) -> SafeString:
        size = f"{asset.width} × {asset.height}" if asset.width else "–"
        kind = "" if asset.kind == Kind.IMAGE else asset.get_kind_display()  # most are; nine columns would be too wide
        return format_html('<span class="dam-size">{}</span><br>{}', size, kind)

    @display(description=_("Created"), ordering="created_at")
    def created(self, asset: Asset) -> SafeString | str:
        return day(asset.created_at)

    @display(description=_("Taken"), ordering="taken_at")
    def taken(self, asset: Asset) -> SafeString | str:
        return day(asset.taken_at)

    @display(description=_("Preparation"), ordering="state", label=STATE_LABELS)
    def preparation(self, asset: Asset) -> tuple[str, str]:
        return State(asset.state), asset.get_state_display()

    @display(description="EXIF")
    def exif(self, asset: Asset) -> SafeString | str:
        return metadata_table(asset.metadata)
