from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from assets.admin.base import ModelAdmin
from assets.admin.display import moment
from assets.models import Asset, CatalogueRow


class ProblemFilter(admin.SimpleListFilter):
    title = _("problem")
    parameter_name = "problem"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("with a problem")), ("no", _("without"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CatalogueRow]) -> QuerySet[CatalogueRow]:
        match self.value():
            case "yes":
                return queryset.exclude(problem="")
            case "no":
                return queryset.filter(problem="")
        return queryset


@admin.register(CatalogueRow)
class CatalogueRowAdmin(ModelAdmin):
    """What catalogues brought, row by row, and what is wrong with some: for reading. The next import tries again."""

    list_display = ("row", "line", "became", "problem", "updated")
    list_display_links = None
    list_filter = ("catalogue", ProblemFilter)
    search_fields = ("key", "problem", "source")
    ordering = ("catalogue", "line", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CatalogueRow]:
        """What became of a row is told to those who may see it; rows without an asset are for all who may look here."""
        rows = super().get_queryset(request).select_related("asset").defer("said")
        visible = Asset.objects.visible_to(request.user)
        return rows.filter(asset=None) | rows.filter(asset__in=visible.values("pk"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows go with their assets, for those who may delete these; by hand nobody deletes one."""
        return obj is not None and request.user.has_perm("assets.delete_asset")

    @display(description=_("Row"), ordering="key")
    def row(self, row: CatalogueRow) -> str:
        return str(row)

    @display(description=_("Asset"))
    def became(self, row: CatalogueRow) -> SafeString | str:
        if row.asset is None:
            return "–"
        url = reverse("admin:assets_asset_change", args=[row.asset_id])
        return format_html('<a class="dam-link" href="{}">{}</a>', url, row.asset)

    @display(description=_("Updated"), ordering="updated_at")
    def updated(self, row: CatalogueRow) -> SafeString | str:
        return moment(row.updated_at)
