"""manage.py register_model [NAME]: set up an embedding space, beside the active one if there is one."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from search.encoders import ModelUnavailable
from search.models import EmbeddingModel, register_model
from search.tasks import sweep


class Command(BaseCommand):
    help = "Set up an embedding model (by default DAM_MODEL) and have every asset embedded with it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", default=settings.DAM_MODEL)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            model, new = register_model(options["name"])
        except ModelUnavailable as error:
            raise CommandError(str(error)) from error
        sweep()
        if model.state == EmbeddingModel.State.BUILDING:
            self.stdout.write(f"{model} is being built; search goes on with the active model until it is complete.")
        elif new:
            self.stdout.write(f"{model} is active.")
