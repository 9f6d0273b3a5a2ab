"""What workers do for the mirrors, and what ``status`` and ``healthz`` say of them."""

import logging
import time
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Min, Q
from django.db.models.functions import Extract, Now

from search.milvus import collections, mirror
from search.milvus.client import Unavailable, milvus
from search.models import EmbeddingModel, Mirror, MirrorChange

logger = logging.getLogger(__name__)

# How long one task tells Milvus of changes before others have their turn, in seconds.
TURN = 20
# A queue as old as this, in seconds, wants attention.
OLD = 300


def due() -> bool:
    """Whether ``sweep`` has anything to do."""
    return settings.DAM_INDEX == "milvus" or Mirror.objects.exists() or MirrorChange.objects.exists()


def sweep() -> bool:
    """Tell Milvus what changed, have what is gone built anew, drop what nobody asks any more.

    Return whether more is left. Where another index was chosen since, there is nothing to keep up.
    """
    if settings.DAM_INDEX != "milvus":
        Mirror.objects.all().delete()
        MirrorChange.objects.all().delete()
        return False
    try:
        return _tell_changes() | _drop_retired()
    except Unavailable as error:
        logger.warning("The index waits: %s", error)
        return False


def check_all() -> None:
    """Compare what the collections hold with what they should."""
    if settings.DAM_INDEX != "milvus":
        return
    for model in EmbeddingModel.objects.filter(mirrors__state=Mirror.State.READY):
        try:
            mirror.check(model, thoroughly=True)
        except Unavailable as error:
            logger.warning("The index is not checked: %s", error)
            return


def report() -> dict[str, Any] | None:
    """Return whether Milvus answers and what it has yet to be told, or None where it is not the index."""
    if settings.DAM_INDEX != "milvus":
        return None
    untold = Q(mirrored_at=None)
    queue = MirrorChange.objects.aggregate(
        count=Count("pk", untold), oldest=Extract(Now() - Min("changed_at", filter=untold), "epoch")
    )
    oldest = int(queue["oldest"] or 0)
    try:
        with milvus() as client:
            client.list_collections(timeout=1)
        problem = ""
    except Unavailable as error:
        problem = f"Milvus does not answer; every search compares all that matches. {error}"
    if not problem and oldest > OLD:
        problem = f"Changes have waited for {oldest} seconds."
    return {"index": "milvus", "queue": queue["count"], "oldest_seconds": oldest, "warning": problem}


def _tell_changes() -> bool:
    until = time.monotonic() + TURN
    mirrored = Mirror.objects.filter(model__isnull=False).values("model")
    # In one statement: a change that it sees was written down because of a mirror that it sees as well.
    MirrorChange.objects.exclude(model_id__in=mirrored).delete()
    for model in EmbeddingModel.objects.filter(pk__in=mirrored):
        mirror.check(model)
        while mirror.drain(model) == mirror.BATCH:
            if time.monotonic() > until:
                return True
    return False


def _drop_retired() -> bool:
    for old in Mirror.objects.filter(model=None, changed_at__lt=Now() - mirror.LATER).order_by(F("pk")):
        collections.drop(old.collection)
        old.delete()
    return False
