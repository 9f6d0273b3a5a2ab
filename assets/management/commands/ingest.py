"""manage.py ingest PATH...: put files and folders into the library."""

import json
import os
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import track

from assets.ingest import Duplicate, Rejected, ingest
from assets.ledger import State
from assets.models import Asset, Collection, Tag
from assets.models.collection import refuse_smart
from assets.querysets import AssetQuerySet


@dataclass
class Outcome:
    """What became of the files: ids of new assets, of those that were here, and what failed and why."""

    new: list[int] = field(default_factory=list)
    already_here: list[int] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def _path(text: str) -> Path:
    if not text:
        raise ArgumentTypeError("an empty path")
    return Path(text)


class Command(BaseCommand):
    help = "Put pictures into the library: files, and folders with all that is in them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=_path, metavar="PATH")
        parser.add_argument("--collection", action="append", default=[], help="put them into this collection")
        parser.add_argument("--tag", action="append", default=[], help="tag them; may be repeated")
        parser.add_argument("--wait", action="store_true", help="return when all of them are prepared and embedded")
        parser.add_argument("--timeout", type=float, default=3600, help="how long --wait waits at most, in seconds")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        outcome = Outcome()
        files = list(_files(options["paths"], outcome))
        try:
            tags = [Tag.named(name) for name in options["tag"]]
            collections = [Collection.named(name) for name in options["collection"]]
            refuse_smart(collections)
        except ValueError as error:
            raise CommandError(str(error)) from error
        console = Console(stderr=True)
        quiet = options["json"] or not console.is_terminal
        for path in track(files, "Reading", console=console, disable=quiet):
            self._take(path, tags, collections, outcome)
        if options["wait"]:
            self._wait(outcome, options["timeout"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(outcome), ensure_ascii=False))
        else:
            for name, reason in outcome.failed.items():
                self.stderr.write(f"{name}: {reason}")
            self.stdout.write(
                f"{len(outcome.new)} new, {len(outcome.already_here)} already here, {len(outcome.failed)} failed"
            )
        if outcome.failed:
            raise SystemExit(1)

    def _take(self, path: Path, tags: list[Tag], collections: list[Collection], outcome: Outcome) -> None:
        try:
            if not path.is_file():  # a pipe or a device might never end
                outcome.failed[str(path)] = "is no file" if path.exists() else "is not there"
                return
            with path.open("rb") as stream:
                asset = ingest(File(stream, name=path.name), name=path.name, tags=tags, collections=collections)
        except Duplicate as error:
            error.existing.tags.add(*tags)
            error.existing.collections.add(*collections)
            outcome.already_here.append(error.existing.pk)
        except Rejected as error:
            outcome.failed[str(path)] = str(error)
        except OSError as error:
            outcome.failed[str(path)] = error.strerror or str(error)
        else:
            outcome.new.append(asset.pk)

    def owing(self, assets: AssetQuerySet) -> AssetQuerySet:
        """Of these assets the ones that something is still to be done for."""
        return assets.pending()

    def _wait(self, outcome: Outcome, timeout: float) -> None:
        """Wait until nothing is owed for the new assets any more; those that were quarantined count as failed."""
        deadline = time.monotonic() + timeout
        fresh = Asset.objects.filter(pk__in=outcome.new)
        while owed := self.owing(fresh).count():
            if time.monotonic() > deadline:
                raise CommandError(f"{owed} assets are still not ready. Is the worker running (make up)?")
            time.sleep(0.2)
        for asset in fresh.filter(state=State.QUARANTINED):
            outcome.new.remove(asset.pk)
            outcome.failed[asset.filename] = f"asset {asset.pk} is quarantined: {asset.problem}"


def _files(paths: list[Path], outcome: Outcome) -> Iterator[Path]:
    """Yield the files named and those below folders, but for hidden ones; record folders that cannot be read."""

    def unreadable(error: OSError) -> None:
        outcome.failed[str(error.filename)] = error.strerror or str(error)

    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for folder, folders, names in os.walk(path, onerror=unreadable):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))
