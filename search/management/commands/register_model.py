"""manage.py register_model [NAME]: set up an embedding space, beside the active one if there is one."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from search import lifecycle
from search.encoders import ModelUnavailable
from search.models import EmbeddingModel
from search.tasks import sweep


class Command(BaseCommand):
    help = (
        "Set up an embedding model and have every asset embedded with it. Without a name the one of DAM_MODEL, unless"
        " it was that one at the last start too. `manage.py models` has the other steps."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        try:
            model = lifecycle.add(name) if name else lifecycle.follow_settings()
        except (ModelUnavailable, lifecycle.Refused) as error:
            raise CommandError(str(error)) from error
        sweep()
        if model is None:
            return
        model.refresh_from_db()
        if model.state == EmbeddingModel.State.BUILDING:
            self.stdout.write(f"{model} is being built; search goes on with the active model until it is complete.")
        else:
            self.stdout.write(f"{model} is {model.state}.")
