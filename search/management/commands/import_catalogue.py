"""manage.py import_catalogue, for a library that embeds what it takes in."""

from typing import Any

from django.db.models import Exists, OuterRef, Q

from assets.ledger import State
from assets.management.commands.import_catalogue import Command as AssetsCommand
from assets.querysets import AssetQuerySet
from search import descriptions
from search.models import Embedding, EmbeddingModel


class Command(AssetsCommand):
    def _wait(self, *args: Any) -> None:
        descriptions.owe()  # of what has changed; of what is new it follows the preparation
        super()._wait(*args)

    def owing(self, assets: AssetQuerySet) -> AssetQuerySet:
        """An asset owes the vectors of all active spaces too; one that cannot be decoded owes nothing any more."""
        owed = Embedding.objects.filter(
            asset=OuterRef("pk"), state=State.PENDING, model__state=EmbeddingModel.State.ACTIVE
        )
        return assets.filter(Q(state=State.PENDING) | (Q(state=State.READY) & Exists(owed)))
