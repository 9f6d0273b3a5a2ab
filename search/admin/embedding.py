"""Embedding models in the admin: how far each is, and the steps from one to the next, on pages that ask first."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.views import ChangeList

from assets.admin.base import ModelAdmin
from assets.admin.display import day
from search import ranking
from search.admin.add_model import add_model
from search.admin.compare import compare
from search.admin.console import sql_console
from search.admin.panel import Panel, panels
from search.admin.status import status
from search.admin.steps import take
from search.models import EmbeddingModel

PHASES = {"active": "success", "building": "info", "pruning": "danger"}


class ReadOnlyAdmin(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class CoveredChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        for panel in panels(self.result_list):
            panel.model.panel = panel


@admin.register(EmbeddingModel)
class EmbeddingModelAdmin(ReadOnlyAdmin):
    """Nothing of a model is edited: it is added, and goes from state to state by steps."""

    list_display = ("name", "phase", "coverage", "index", "since", "exact_up_to")
    fields = (
        "name", "state", "embeds", "asked_by_text", "asked_by_picture", "dimensions", "exact_up_to", "ef_search",
        "switch_when_complete", "activated_at", "created_at",
    )  # fmt: skip
    change_form_outer_before_template = "admin/search/model.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).order_by("state", "-pk")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CoveredChangeList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("search.add_embeddingmodel")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return add_model(self, request)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("status/", wrap(self.status_view), name="search_status"),
            path("sql/", wrap(self.sql_view), name="search_sql"),
            path("<int:pk>/progress/", wrap(self.progress_view), name="search_model_progress"),
            path("<int:pk>/compare/", wrap(self.compare_view), name="search_model_compare"),
            path("<int:pk>/step/<slug:step>/", wrap(self.step_view), name="search_model_step"),
            *super().get_urls(),
        ]

    def status_view(self, request: HttpRequest) -> HttpResponse:
        return status(self, request)

    def sql_view(self, request: HttpRequest) -> HttpResponse:
        return sql_console(self, request)

    def step_view(self, request: HttpRequest, pk: int, step: str) -> HttpResponse:
        return take(self, request, pk, step)

    def compare_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return compare(self, request, pk)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = EmbeddingModel.objects.filter(pk=pk)
        return TemplateResponse(request, "admin/search/progress.html", {"panel": next(iter(panels(found)), None)})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if model := kwargs.get("obj"):
            [panel] = panels([model])
            context |= {"panel": panel, "steps": panel.steps(request.user)}
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("State"), ordering="state", label=PHASES)
    def phase(self, model: EmbeddingModel) -> tuple[str, str]:
        return model.state, model.get_state_display()

    @display(description=_("Coverage"))
    def coverage(self, model: Any) -> SafeString | str:
        panel: Panel = model.panel
        return panel.bar

    @display(description=_("Index"))
    def index(self, model: Any) -> str:
        return model.panel.index.state.label

    @display(description=_("active since"), ordering="activated_at")
    def since(self, model: EmbeddingModel) -> SafeString | str:
        return day(model.activated_at)

    @display(description=_("exact up to"), ordering="exact_rows")
    def exact_up_to(self, model: EmbeddingModel) -> str:
        rows = ranking.exact_rows(model)
        return gettext("%d (DAM_EXACT_ROWS)") % rows if model.exact_rows is None else gettext("%d (measured)") % rows
