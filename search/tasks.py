"""What workers do for search. Tasks take no rows along: what is owed stands in the ledger."""

from celery import shared_task

from assets import doorbell
from assets.ledger import State
from search import query_pictures, recall, saved
from search.embedding import embed_batch
from search.models import Embedding, EmbeddingModel
from search.relevance import calibrate_when_due


@shared_task
def embed_pending() -> None:
    """Embed owed rows of prepared assets until none is left that may be claimed."""
    while embed_batch():
        pass


@shared_task
def sweep() -> None:
    """Make true what signals may have missed, and let a finished model take over."""
    Embedding.objects.quarantine_exhausted()
    query_pictures.forget_expired()
    for model in EmbeddingModel.objects.live():
        Embedding.objects.owe_all(model)
    if Embedding.objects.claimable().filter(asset__state=State.READY).exists():
        doorbell.ring("search.tasks.embed_pending")
    building = EmbeddingModel.objects.filter(state=EmbeddingModel.State.BUILDING, switch_when_complete=True)
    for model in building.order_by("pk"):
        if model.is_complete():
            model.activate()
    calibrate_when_due()


@shared_task
def refresh_smart_collections() -> None:
    saved.refresh_due()


@shared_task
def probe_recall() -> None:
    """Measure how much the active model's index finds."""
    model = EmbeddingModel.objects.filter(state=EmbeddingModel.State.ACTIVE).first()
    if model is not None:
        recall.probe(model)
