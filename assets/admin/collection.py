from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from assets.addresses import rendition_url
from assets.admin.base import ModelAdmin
from assets.admin.display import assets_of
from assets.admin.forms import SlugForm
from assets.ledger import State
from assets.models import Asset, Collection


@admin.register(Collection)
class CollectionAdmin(ModelAdmin):
    """Assets come into a collection by the action in their list or by upload; into a smart one by its query."""

    form = SlugForm
    list_display = ("cover", "name", "keeping", "description", "contents", "created_by", "created_at")
    list_display_links = ("cover", "name")
    list_select_related = ("created_by",)
    list_filter = ("smart",)
    search_fields = ("name", "slug")
    fields = ("name", "slug", "description", "kept", "contents")
    readonly_fields = ("kept", "contents")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        inside = Asset.objects.visible_to(request.user).filter(collections=OuterRef("pk")).order_by()
        count = inside.values("collections").annotate(count=Count("pk")).values("count")
        cover = inside.filter(state=State.READY).order_by("-pk").values("pk")[:1]
        collections = super().get_queryset(request)
        return collections.annotate(count=Coalesce(Subquery(count), 0), cover_id=Subquery(cover))

    def save_model(self, request: HttpRequest, obj: Collection, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]  # admin pages are for signed-in users
        super().save_model(request, obj, form, change)

    @display(description=_("Cover"))
    def cover(self, collection: Any) -> SafeString:
        if collection.cover_id is None:
            return format_html(
                '<span class="dam-thumbnail dam-no-thumbnail"><span class="material-symbols-outlined">{}</span></span>',
                "photo_library",
            )
        return format_html(
            '<img class="dam-thumbnail" src="{}" alt="" loading="lazy">',
            rendition_url(collection.cover_id, "thumbnail"),
        )

    @display(description=_("Kept"), ordering="smart", label={"smart": "info"})
    def keeping(self, collection: Collection) -> tuple[str, Any]:
        return ("smart", _("by a saved search")) if collection.smart else ("hand", _("by hand"))

    @display(description=_("Kept"))
    def kept(self, collection: Collection) -> Any:
        return self.keeping(collection)[1]

    @display(description=_("Assets"), ordering="count")
    def contents(self, collection: Any) -> SafeString | str:
        if collection.pk is None:
            return "–"
        return assets_of(collection, collection.count)
