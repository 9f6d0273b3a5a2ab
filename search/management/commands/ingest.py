"""manage.py ingest, for a library that embeds what it takes in."""

from django.db.models import Q

from assets.ledger import State
from assets.management.commands.ingest import Command as AssetsCommand
from assets.querysets import AssetQuerySet
from search.models import EmbeddingModel


class Command(AssetsCommand):
    def owing(self, assets: AssetQuerySet) -> AssetQuerySet:
        """An asset owes a vector of the active model too; one that cannot be decoded owes nothing any more."""
        settled = assets.filter(
            embeddings__model=EmbeddingModel.objects.active(),
            embeddings__state__in=[State.READY, State.QUARANTINED],
        )
        return assets.filter(Q(state=State.PENDING) | Q(state=State.READY) & ~Q(pk__in=settled.values("pk")))
