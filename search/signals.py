"""From a saved asset to a ledger row, in the same transaction; from a decoded picture to its vectors.

And what deleting a saved search leaves behind.
"""

from typing import Any

from django.db.models.signals import m2m_changed, post_save, pre_delete
from django.dispatch import receiver

from assets import doorbell
from assets.models import Asset, Tag
from assets.signals import prepared
from search import descriptions
from search.embedding import embed_batch
from search.models import Embedding, EmbeddingModel, SavedSearch
from search.saved import release


@receiver(post_save, sender=Asset, dispatch_uid="search.owe_embedding")
def owe_embedding(sender: type[Asset], instance: Asset, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if created and not raw:
        models = EmbeddingModel.objects.live().filter(embeds=EmbeddingModel.Embeds.PICTURE)
        rows = [Embedding(asset=instance, model=model) for model in models]
        Embedding.objects.bulk_create(rows, ignore_conflicts=True)


@receiver(prepared, dispatch_uid="search.embed_prepared")
def embed_prepared(sender: type[Asset], pictures: dict[tuple[int, int], Any], **kwargs: Any) -> None:
    descriptions.owe()
    embed_batch(pictures)


@receiver(post_save, sender=Asset, dispatch_uid="search.asset_described")
@receiver(post_save, sender=Tag, dispatch_uid="search.tag_named")
@receiver(m2m_changed, sender=Asset.tags.through, dispatch_uid="search.asset_tagged")
def embed_descriptions(created: bool = False, raw: bool = False, action: str = "post_", **kwargs: Any) -> None:
    """What is written of assets may have changed; the database knows what. New assets come with ``prepared``."""
    if not created and not raw and action.startswith("post_"):
        doorbell.ring("search.tasks.embed_descriptions")


@receiver(pre_delete, sender=SavedSearch, dispatch_uid="search.release_collection")
def release_collection(sender: type[SavedSearch], instance: SavedSearch, **kwargs: Any) -> None:
    release(instance)
