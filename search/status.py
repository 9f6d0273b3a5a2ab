"""How far the embedding of the library is; shown by ``manage.py status`` and in the admin."""

from typing import Any

from django.db.models import Q

from assets.ledger import State
from assets.models import Asset
from search.models import Embedding, EmbeddingModel


def library_status() -> dict[str, Any]:
    """Return how far the active model is, and which models are on their way."""
    model = EmbeddingModel.objects.filter(state=EmbeddingModel.State.ACTIVE).first()
    return {
        **progress(model),
        "model": str(model) if model else "none",
        "building": [str(other) for other in EmbeddingModel.objects.filter(state=EmbeddingModel.State.BUILDING)],
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
