"""From a saved asset to a ledger row, in the same transaction; from a decoded picture to its vectors.

And what deleting a saved search leaves behind.
"""

from typing import Any

from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver

from assets.models import Asset
from assets.signals import prepared
from search.embedding import embed_batch
from search.models import Embedding, EmbeddingModel, SavedSearch
from search.saved import release


@receiver(post_save, sender=Asset, dispatch_uid="search.owe_embedding")
def owe_embedding(sender: type[Asset], instance: Asset, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw:
        rows = [Embedding(asset=instance, model=model) for model in EmbeddingModel.objects.live()]
        Embedding.objects.bulk_create(rows, ignore_conflicts=True)


@receiver(prepared, dispatch_uid="search.embed_prepared")
def embed_prepared(sender: type[Asset], pictures: dict[tuple[int, int], Any], **kwargs: Any) -> None:
    embed_batch(pictures)


@receiver(pre_delete, sender=SavedSearch, dispatch_uid="search.release_collection")
def release_collection(sender: type[SavedSearch], instance: SavedSearch, **kwargs: Any) -> None:
    release(instance)
