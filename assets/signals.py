"""What follows from saving and deleting rows. ``prepared`` tells the layers above that an asset was decoded."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import Signal, receiver

from assets import doorbell, ingest
from assets.ledger import State
from assets.models import Asset

# Sent by assets.preparation after a batch, with ``pictures: dict[(asset id, segment), PIL.Image]``: RGB, upright.
# It spares the receiver a second decoding; who misses it can read the preview rendition later.
prepared = Signal()
# Sent in the transaction in which the segments of an asset become others, with ``asset_id`` and the ``numbers`` of
# those that are gone or show something else now.
segments_dropped = Signal()


@receiver(post_save, sender=Asset, dispatch_uid="assets.prepare")
def ask_for_preparation(sender: type[Asset], instance: Asset, raw: bool = False, **kwargs: Any) -> None:
    if not raw and instance.state == State.PENDING:
        doorbell.ring("assets.tasks.prepare_pending")


@receiver(post_delete, sender=Asset, dispatch_uid="assets.delete_files")
def delete_files(sender: type[Asset], instance: Asset, **kwargs: Any) -> None:
    transaction.on_commit(lambda: ingest.delete_files(instance.sha256), robust=True)
