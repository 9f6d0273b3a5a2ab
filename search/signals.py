"""From a saved asset to a ledger row, in the same transaction; from a decoded picture to its vectors.

And what deleting a saved search leaves behind.
"""

from typing import Any

from django.db.models.signals import m2m_changed, post_save, pre_delete
from django.dispatch import receiver

from assets import doorbell
from assets.models import Asset, Segment, Tag
from assets.signals import prepared, segments_dropped
from search import descriptions
from search.embedding import embed_batch
from search.models import Embedding, EmbeddingModel, Policy, SavedSearch
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
    segments = _owe_segments({asset_id for asset_id, _segment in pictures})
    embed_batch(pictures)
    if EmbeddingModel.objects.filter(state=EmbeddingModel.State.ACTIVE, calibration=None).exists():
        doorbell.ring("search.tasks.calibrate")
    if segments:
        doorbell.ring("search.tasks.embed_pending")


def _owe_segments(asset_ids: set[int]) -> bool:
    """Insert the rows that the segments of these assets have not got; return whether they have segments at all."""
    segments = list(Segment.objects.filter(asset__in=asset_ids).values_list("asset_id", "number"))
    if segments:
        models = EmbeddingModel.objects.live().filter(embeds=EmbeddingModel.Embeds.PICTURE)
        rows = [Embedding(asset_id=pk, model=model, segment=number) for model in models for pk, number in segments]
        Embedding.objects.bulk_create(rows, ignore_conflicts=True)
    return bool(segments)


@receiver(segments_dropped, dispatch_uid="search.forget_segments")
def forget_segments(sender: type[Asset], asset_id: int, numbers: list[int], **kwargs: Any) -> None:
    Embedding.objects.filter(asset=asset_id, segment__in=numbers).delete()


@receiver(post_save, sender=Asset, dispatch_uid="search.asset_described")
@receiver(post_save, sender=Tag, dispatch_uid="search.tag_named")
@receiver(m2m_changed, sender=Asset.tags.through, dispatch_uid="search.asset_tagged")
def embed_descriptions(created: bool = False, raw: bool = False, action: str = "post_", **kwargs: Any) -> None:
    """What is written of assets may have changed; the database knows what. New assets come with ``prepared``."""
    if not created and not raw and action.startswith("post_"):
        doorbell.ring("search.tasks.embed_descriptions")


@receiver(post_save, sender=Policy, dispatch_uid="search.check_policy")
def check_policy(sender: type[Policy], raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        doorbell.ring("search.tasks.check_policies")


@receiver(pre_delete, sender=SavedSearch, dispatch_uid="search.release_collection")
def release_collection(sender: type[SavedSearch], instance: SavedSearch, **kwargs: Any) -> None:
    release(instance)
