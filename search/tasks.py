"""What workers do for search. Tasks take no rows along: what is owed stands in the ledger."""

import threading

from celery import shared_task
from django.conf import settings
from django.db import connection

from assets import doorbell
from assets.ledger import State
from search import descriptions, lifecycle, policies, query_pictures, recall, saved, vectors
from search.embedding import embed_owed
from search.milvus import upkeep
from search.models import Embedding, EmbeddingModel, NoActiveModel
from search.relevance import calibrate_when_due


@shared_task
def embed_pending() -> None:
    """Embed owed rows of prepared assets; when there are many, other tasks have their turn meanwhile."""
    if embed_owed():
        doorbell.ring("search.tasks.embed_pending")


@shared_task
def embed_descriptions() -> None:
    """Embed what was written or changed since the last time, should a space embed descriptions."""
    if descriptions.owe():
        embed_pending()


@shared_task
def sweep() -> None:
    """Make true what signals may have missed, and let a finished model take over."""
    Embedding.objects.quarantine_exhausted()
    query_pictures.forget_expired()
    vectors.forget_least_used()
    for model in EmbeddingModel.objects.live():
        Embedding.objects.owe_all(model)
    descriptions.owe()
    if Embedding.objects.claimable().filter(asset__state=State.READY).exists():
        doorbell.ring("search.tasks.embed_pending")
    lifecycle.advance()
    if upkeep.due():
        doorbell.ring("search.tasks.keep_up_index")
    if policies.due().exists():
        doorbell.ring("search.tasks.check_policies")
    if settings.DAM_ENCODER_URL:  # it may have been started again since, and knows only DAM_MODEL by itself
        vectors.warm_up()  # late, because it waits while the encoder hangs
    calibrate_when_due()


@shared_task
def calibrate() -> None:
    """Measure what chance looks like as soon as that can be said: until then whatever is nearest is a match."""
    calibrate_when_due()


@shared_task
def build_indexes() -> None:
    """Build what indexes are due, beside the worker's other work: the database builds, a thread only waits for it."""

    def build() -> None:
        try:
            lifecycle.build_indexes()
        finally:
            connection.close()

    threading.Thread(target=build, name="indexes", daemon=True).start()


@shared_task
def keep_up_index() -> None:
    """Tell an index outside of the database what changed; when that is much, other tasks have their turn meanwhile."""
    if upkeep.sweep():
        doorbell.ring("search.tasks.keep_up_index")


@shared_task
def prune() -> None:
    """Delete the models that somebody gave up."""
    lifecycle.delete_pruned()


@shared_task
def check_policies() -> None:
    """Make the flags of changed policies true, and of all of them now and then."""
    policies.check_due()


@shared_task
def refresh_smart_collections() -> None:
    saved.refresh_due()


@shared_task
def probe_recall() -> None:
    """Measure how much the active model's index finds, and whether one outside of the database has everything."""
    upkeep.check_all()
    try:
        recall.probe(EmbeddingModel.objects.active())
    except NoActiveModel:
        return
