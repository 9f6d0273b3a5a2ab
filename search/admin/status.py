"""The embedding status page: how much of the library is embedded, what is stuck and why, and a way to try again."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from assets import doorbell
from assets.ledger import State
from assets.models import Asset
from search.admin.panel import panels
from search.models import Embedding, EmbeddingModel
from search.status import library_status, progress

SHOWN = 50


def status(model_admin: Any, request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    stuck: dict[str, tuple[Any, str, str]] = {
        # what may be retried: the rows, the permission that it takes, the task that does the work
        "assets": (
            Asset.objects.visible_to(user).filter(state=State.QUARANTINED),
            "assets.change_asset",
            "assets.tasks.prepare_pending",
        ),
        "embeddings": (
            Embedding.objects.filter(
                asset__in=Asset.objects.visible_to(user),
                state=State.QUARANTINED,
                model__in=EmbeddingModel.objects.live(),
            ),
            "search.change_embedding",
            "search.tasks.embed_pending",
        ),
    }
    if request.method == "POST":
        rows, permission, task = stuck.get(request.POST.get("retry", ""), (None, "", ""))
        if rows is None or not user.has_perm(permission):
            raise PermissionDenied
        count = rows.retry()
        doorbell.ring(task)
        messages.success(request, ngettext("%d is tried again.", "%d are tried again.", count) % count)
        return HttpResponseRedirect(request.path)
    assets, embeddings = stuck["assets"][0], stuck["embeddings"][0]
    found = panels(EmbeddingModel.objects.order_by("state", "-pk"))
    covered = {panel.model.pk: panel.coverage for panel in found}
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Embedding status"),
        "opts": model_admin.opts,
        "numbers": library_status(covered),
        "models": [(panel.model, progress(panel.model, covered), panel.coverage.percent) for panel in found],
        "panels": found,
        "shown": SHOWN,
        "stuck_assets": assets.prefetch_related("renditions")[:SHOWN],
        "stuck_assets_count": assets.count(),
        "may_retry_assets": user.has_perm(stuck["assets"][1]),
        "stuck_embeddings": embeddings.select_related("asset", "model").defer("vector").order_by("-pk")[:SHOWN],
        "stuck_embeddings_count": embeddings.count(),
        "may_retry_embeddings": user.has_perm(stuck["embeddings"][1]),
    }
    return TemplateResponse(request, "admin/search/status.html", context)
