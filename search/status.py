"""How far the embedding of the library is; shown by ``manage.py status`` and in the admin."""

from typing import Any

from assets.ledger import State
from assets.models import Asset
from search.models import Embedding, EmbeddingModel


def library_status() -> dict[str, Any]:
    """Return counts over the active model: every asset is embedded, pending or quarantined."""
    model = EmbeddingModel.objects.filter(state=EmbeddingModel.State.ACTIVE).first()
    total = Asset.objects.count()
    rows = Embedding.objects.filter(model=model, segment=0)
    embedded = rows.filter(vector__isnull=False).count()
    quarantined = (
        Asset.objects.filter(state=State.QUARANTINED).count()
        + rows.filter(state=State.QUARANTINED).exclude(asset__state=State.QUARANTINED).count()
    )
    return {
        "assets": total,
        "embedded": embedded,
        "pending": total - embedded - quarantined,
        "quarantined": quarantined,
        "model": str(model) if model else "none",
        "building": [str(other) for other in EmbeddingModel.objects.filter(state=EmbeddingModel.State.BUILDING)],
    }
