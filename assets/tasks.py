"""What workers do for assets. Tasks take no rows along: what is owed stands in the database."""

from celery import shared_task

from assets import doorbell
from assets.models import Asset
from assets.preparation import prepare_owed


@shared_task
def prepare_pending() -> None:
    """Prepare pending assets; when there are many, other tasks have their turn meanwhile."""
    if prepare_owed():
        doorbell.ring("assets.tasks.prepare_pending")


@shared_task
def sweep() -> None:
    """Find what no doorbell announced: lost messages, bulk_create, leases of workers that died."""
    Asset.objects.quarantine_exhausted()
    if Asset.objects.claimable().exists():
        doorbell.ring("assets.tasks.prepare_pending")
