"""How far the embedding of the library is; shown by ``manage.py status`` and in the admin."""

from typing import Any

from django.db.models import Q

from assets.ledger import State
from assets.models import Asset
from search import recall
from search.models import Embedding, EmbeddingModel


def library_status() -> dict[str, Any]:
    """Return how far the active model is, which models are on their way, and what its index finds.

    ``recall`` is the last probe (see ``recall.report``), or None: rankings are exact, or were not measured yet.
    """
    model = EmbeddingModel.objects.filter(state=EmbeddingModel.State.ACTIVE).first()
    return {
        **progress(model),
        "model": str(model) if model else "none",
        "building": [str(other) for other in EmbeddingModel.objects.filter(state=EmbeddingModel.State.BUILDING)],
        "recall": recall.report(model),
    }


def progress(model: EmbeddingModel | None) -> dict[str, int]:
    """Return counts over one model: every asset is embedded, pending or quarantined."""
    total = Asset.objects.count()
    rows = Embedding.objects.filter(model=model, segment=0)
    embedded = rows.filter(state=State.READY)
    given_up = Q(state=State.QUARANTINED) | Q(pk__in=rows.filter(state=State.QUARANTINED).values("asset_id"))
    quarantined = Asset.objects.filter(given_up).exclude(pk__in=embedded.values("asset_id"))
    return {
        "assets": total,
        "embedded": embedded.count(),
        "pending": total - embedded.count() - quarantined.count(),
        "quarantined": quarantined.count(),
    }
