"""manage.py encoder: hold the models in one process, for web and workers."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from search.service.address import Address, InvalidAddress

DEFAULT = "127.0.0.1:8001"


class Command(BaseCommand):
    help = "Encode texts and pictures for the processes that have DAM_ENCODER_URL set. Needs no database."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--bind",
            metavar="unix:PATH|HOST:PORT",
            help=f"where to listen (default: DAM_ENCODER_URL, or {DEFAULT})",
        )
        parser.add_argument("--token", help="what clients must send; DAM_ENCODER_TOKEN keeps it out of process lists")
        parser.add_argument(
            "--model",
            action="append",
            default=[],
            metavar="NAME",
            help="a model to load at the start, may be repeated (default: DAM_MODEL)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Before torch is loaded: its threads must not spin while they wait for each other. Where others use the same
        # cores (decoding, say), spinning makes a forward pass several times slower.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from search.service.app import make_app
        from search.service.protocols import ROUTES
        from search.service.server import serve
        from search.service.service import Service

        token = options["token"] or settings.DAM_ENCODER_TOKEN
        try:
            address = Address.parse(options["bind"] or settings.DAM_ENCODER_URL or DEFAULT)
            if not token and not address.is_private():
                raise InvalidAddress(f"Others can reach {address}: set DAM_ENCODER_TOKEN, or bind to a unix socket.")
            address.make_free()
        except InvalidAddress as error:
            raise CommandError(str(error)) from error
        first = options["model"] or [settings.DAM_MODEL]
        service = Service([*first, settings.DAM_MODEL, *settings.DAM_ENCODER_MODELS])
        self.stderr.write(f"Encoder at {address}")
        serve(make_app(service, token, preload=first, protocols=ROUTES), address)
