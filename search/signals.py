"""From a saved asset to a ledger row, in the same transaction; from a decoded picture to its vectors."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from assets.models import Asset
from assets.signals import prepared
from search.embedding import embed_batch
from search.models import Embedding, EmbeddingModel


@receiver(post_save, sender=Asset, dispatch_uid="search.owe_embedding")
def owe_embedding(sender: type[Asset], instance: Asset, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw:
        rows = [Embedding(asset=instance, model=model) for model in EmbeddingModel.objects.live()]
        Embedding.objects.bulk_create(rows, ignore_conflicts=True)


@receiver(prepared, dispatch_uid="search.embed_prepared")
def embed_prepared(sender: type[Asset], pictures: dict[int, Any], **kwargs: Any) -> None:
    embed_batch(pictures)
