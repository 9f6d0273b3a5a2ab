"""The rows of the ledger that one asset has, on its own page in the admin."""

from typing import Any

from django.http import HttpRequest

from assets.admin.display import STATE_LABELS, duration, moment
from assets.ledger import State
from search.admin.ledger import part_of, reason_of
from search.models import Embedding

SHOWN = 50


class LedgerMixin:
    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        asset = kwargs.get("obj")
        if asset is not None and request.user.has_perm("search.view_embedding"):
            rows = Embedding.objects.filter(asset=asset).select_related("model", "asset").defer("vector")
            found = rows.prefetch_related("asset__segments").order_by("model__state", "-model", "segment")[: SHOWN + 1]
            context = context | {
                "prepared": _row(asset, "", asset.problem),
                "ledger": [
                    (row.model, _row(row, part_of(row) if row.segment else "", reason_of(row))) for row in found
                ][:SHOWN],
                "troubled": asset.state != State.READY or any(row.state != State.READY for row in found),
                "more_rows": len(found) > SHOWN,
            }
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]  # ModelAdmin's


def _row(row: Any, part: str, reason: Any) -> dict[str, Any]:
    return {
        "part": part,
        "state": row.get_state_display(),
        "label": STATE_LABELS[State(row.state)],
        "attempts": row.attempts,
        "reason": reason,
        "took": duration(row.duration),
        "when": moment(row.finished_at or row.started_at),
    }
