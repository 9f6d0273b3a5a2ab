"""manage.py status: what the library holds, owes and runs on."""

import json
from argparse import ArgumentParser
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand

from assets.storage import originals
from search.status import library_status


class Command(BaseCommand):
    help = "Print how many assets there are, what is owed, and whether broker and storage answer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        status = {**library_status(), "broker": _broker(), "storage": _storage()}
        if options["json"]:
            self.stdout.write(json.dumps(status, ensure_ascii=False))
        else:
            for name, value in status.items():
                self.stdout.write(f"{name:<12} {value}")
        if "unreachable" in f"{status['broker']} {status['storage']}":
            raise SystemExit(1)


def _broker() -> str:
    kind = settings.CELERY_BROKER_URL.split("://", 1)[0]
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except Exception as error:  # each broker's client has its own errors
        return f"{kind}: unreachable ({error})"
    return f"{kind}: answers"


def _storage() -> str:

    where = f"s3: {settings.DAM_S3_BUCKET}" if settings.DAM_S3_BUCKET else "file system"
    try:
        originals().exists("00/probe")
    except Exception as error:  # each storage's client has its own errors
        return f"{where}: unreachable ({error})"
    return f"{where}: answers"
