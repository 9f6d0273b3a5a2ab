from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from tree_queries.admin import TreeChangeList
from unfold.decorators import display

from assets.admin.base import ModelAdmin
from assets.admin.forms import SlugForm
from assets.models import Asset, Tag


@admin.register(Tag)
class TagAdmin(ModelAdmin):
    """The vocabulary as a tree: children stand, indented, below their parents."""

    form = SlugForm
    list_display = ("term", "slug", "used")
    search_fields = ("name", "slug")
    autocomplete_fields = ("parent",)
    fields = ("name", "slug", "parent")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TreeChangeList]:
        return TreeChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        carriers = Asset.objects.visible_to(request.user).filter(tags=OuterRef("pk")).order_by()
        count = carriers.values("tags").annotate(count=Count("pk")).values("count")
        return Tag.objects.with_tree_fields().annotate(count=Coalesce(Subquery(count), 0))

    @display(description=_("Name"), ordering="name")
    def term(self, tag: Any) -> SafeString:
        return format_html('<span class="dam-term" style="--depth: {}">{}</span>', tag.tree_depth, tag.name)

    @display(description=_("Assets with this very tag"), ordering="count")
    def used(self, tag: Any) -> SafeString:
        url = f"{reverse('admin:assets_asset_changelist')}?tags={tag.pk}"
        return format_html('<a class="dam-link" href="{}">{}</a>', url, tag.count)
