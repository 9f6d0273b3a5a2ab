"""Embedding models and the ledger of vectors: written by the pipeline; people read them and ask for retries."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from assets import doorbell
from assets.admin.base import ModelAdmin
from assets.admin.display import STATE_LABELS, thumbnail
from assets.ledger import State
from assets.models import Asset
from search import ranking
from search.admin.status import status
from search.models import Embedding, EmbeddingModel


class ReadOnlyAdmin(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(ReadOnlyAdmin):
    """Models come and go by ``manage.py register_model``, which loads their weights."""

    list_display = ("name", "phase", "dimensions", "exact_up_to", "created_at")
    fields = ("name", "state", "dimensions", "exact_up_to", "created_at")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.status_view)
        return [path("status/", view, name="search_status"), *super().get_urls()]

    def status_view(self, request: HttpRequest) -> Any:
        return status(self, request)

    @display(description=_("State"), ordering="state", label={"active": "success", "building": "info"})
    def phase(self, model: EmbeddingModel) -> tuple[str, str]:
        return model.state, model.get_state_display()

    @display(description=_("exact up to"), ordering="exact_rows")
    def exact_up_to(self, model: EmbeddingModel) -> str:
        rows = ranking.exact_rows(model)
        return gettext("%d (DAM_EXACT_ROWS)") % rows if model.exact_rows is None else gettext("%d (measured)") % rows


@admin.action(description=_("Retry"), permissions=["retry"])
def retry(model_admin: Any, request: HttpRequest, queryset: Any) -> None:
    count = Embedding.objects.filter(pk__in=list(queryset.values_list("pk", flat=True))).retry()
    doorbell.ring("search.tasks.embed_pending")
    text = ngettext("%d embedding is owed again.", "%d embeddings are owed again.", count)
    messages.success(request, text % count)


@admin.register(Embedding)
class EmbeddingAdmin(ReadOnlyAdmin):
    actions = (retry,)
    list_display = ("picture", "asset", "model", "progress", "attempts", "problem")
    list_display_links = ("picture",)
    list_select_related = ("asset", "model")
    list_filter = (("state", ChoicesDropdownFilter), ("model", RelatedDropdownFilter))
    search_fields = ("asset__filename", "asset__title", "problem")
    show_facets = admin.ShowFacets.NEVER
    fields = ("asset", "model", "segment", "state", "attempts", "problem", "leased_until")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Embedding]:
        visible = Asset.objects.visible_to(request.user)
        rows = Embedding.objects.filter(asset__in=visible).defer("vector").order_by("-pk")
        return rows.prefetch_related("asset__renditions")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("search.change_embedding")

    @display(description=_("Picture"))
    def picture(self, row: Embedding) -> SafeString:
        return thumbnail(row.asset)

    @display(description=_("State"), ordering="state", label=STATE_LABELS)
    def progress(self, row: Embedding) -> tuple[str, str]:
        return State(row.state), row.get_state_display()
