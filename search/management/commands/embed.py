"""manage.py embed: have assets embedded (again)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from assets.ledger import State
from assets.models import Asset
from search.models import Embedding, EmbeddingModel
from search.tasks import embed_pending


class Command(BaseCommand):
    help = "Embed what has no vector yet (--missing, the default), or everything anew (--all)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--missing", action="store_true", help="what has no vector, quarantined rows included")
        which.add_argument("--all", action="store_true", help="everything; the old vectors serve until replaced")
        parser.add_argument("--now", action="store_true", help="embed in this process instead of the worker's")

    def handle(self, *args: Any, **options: Any) -> None:
        live = list(EmbeddingModel.objects.live())
        for model in live:
            Embedding.objects.owe_all(model)
        rows = Embedding.objects.filter(model__in=live)
        Asset.objects.filter(state=State.QUARANTINED).retry()
        (rows if options["all"] else rows.exclude(state=State.READY)).retry()
        owed = rows.pending().count()
        if options["now"]:
            embed_pending()
            owed -= rows.pending().count()
            self.stdout.write(f"{owed} embedded")
        else:
            embed_pending.delay()
            self.stdout.write(f"{owed} to embed; the worker has been told")
