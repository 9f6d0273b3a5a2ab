"""How far the embedding of the library is; shown by ``manage.py status`` and in the admin."""

from collections.abc import Mapping
from typing import Any

from assets.models import Asset
from search import recall
from search.coverage import Coverage, coverage_of
from search.milvus import upkeep
from search.models import EmbeddingModel, NoActiveModel


def library_status(covered: Mapping[int, Coverage] | None = None) -> dict[str, Any]:
    """Return how far the active model is, which models are on their way, and what its index finds.

    ``covered`` is the coverage of models by their ids, for who knows it already.
    ``index`` is what Milvus says (see ``upkeep.report``), where it is the index.
    ``recall`` is the last probe (see ``recall.report``), or None: rankings are exact, or were not measured yet.
    """
    try:
        model: EmbeddingModel | None = EmbeddingModel.objects.active()
    except NoActiveModel:
        model = None
    return {
        **progress(model, covered),
        "model": str(model) if model else "none",
        "building": [str(other) for other in EmbeddingModel.objects.filter(state=EmbeddingModel.State.BUILDING)],
        "recall": recall.report(model),
    } | ({"index": index} if (index := upkeep.report()) else {})


def progress(model: EmbeddingModel | None, covered: Mapping[int, Coverage] | None = None) -> dict[str, int]:
    """Return counts over one model: every asset is embedded, pending or quarantined."""
    if model is None:
        total = Asset.objects.count()
        return {"assets": total, "embedded": 0, "pending": total, "quarantined": 0}
    counts = (covered[model.pk] if covered and model.pk in covered else coverage_of(model)).assets
    return {
        "assets": counts.owed,
        "embedded": counts.embedded,
        "pending": counts.pending,
        "quarantined": counts.quarantined,
    }
