"""What people said of results, for reading; wrong ones may be deleted."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter, RelatedDropdownFilter
from unfold.decorators import display

from assets.admin.base import ModelAdmin
from assets.admin.display import thumbnail
from assets.models import Asset
from search.models import Judgment


@admin.register(Judgment)
class JudgmentAdmin(ModelAdmin):
    list_display = ("picture", "asset", "asked", "verdict", "user", "created_at")
    list_display_links = ("picture",)
    list_select_related = ("asset", "user")
    list_filter = ("relevant", ("user", RelatedDropdownFilter), ("created_at", RangeDateFilter))
    search_fields = ("query", "asset__filename", "asset__title", "user__username")
    show_facets = admin.ShowFacets.NEVER
    fields = ("query", "asset", "relevant", "user", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Judgment]:
        visible = Asset.objects.visible_to(request.user)
        return Judgment.objects.filter(asset__in=visible).order_by("-pk").prefetch_related("asset__renditions")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("Picture"))
    def picture(self, row: Judgment) -> SafeString:
        return thumbnail(row.asset)

    @display(description=_("Query"), ordering="query")
    def asked(self, row: Judgment) -> SafeString:
        return format_html('<a class="dam-link" href="{}?{}">{}</a>', reverse("search"), row.query, row.query)

    @display(description=_("Relevant"), ordering="relevant", label={"yes": "success", "no": "danger"})
    def verdict(self, row: Judgment) -> tuple[str, Any]:
        return ("yes", _("relevant")) if row.relevant else ("no", _("not relevant"))
