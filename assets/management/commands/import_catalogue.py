"""manage.py import_catalogue FILE...: the pictures of catalogues and what is written of them, into the library."""

import json
import time
from argparse import ArgumentParser
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from assets.catalogue.importing import MOST_SHOWN, Busy, Import, Outcome
from assets.catalogue.reading import CatalogueFile, Unreadable
from assets.catalogue.rows import USUAL, Columns
from assets.catalogue.saying import collections_named
from assets.ledger import State
from assets.models import Asset, Collection
from assets.querysets import AssetQuerySet

MOST_PRINTED = 20


class Command(BaseCommand):
    help = (
        "Import catalogues: JSON Lines or CSV, a row for each picture, named by address (url) or as a file below the"
        " catalogue's folder (file), with descriptions, title, tags and split. Run it again to go on where it was"
        " ended, and to take over what has changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--name", help="what the catalogue is called (default: as the file, without its ending)")
        parser.add_argument("--format", choices=["jsonl", "csv"], default="", help="if the file's ending does not say")
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help=f"where it is not of the same name; FIELD is one of {', '.join(USUAL)}. May be repeated.",
        )
        parser.add_argument("--root", type=Path, help="the folder of the pictures (default: the catalogue's)")
        parser.add_argument("--fetchers", type=int, default=8, metavar="N", help="pictures fetched at the same time")
        parser.add_argument("--limit", type=int, metavar="N", help="only the first N rows of each file")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done; fetch and write nothing")
        parser.add_argument("--wait", action="store_true", help="return when everything is prepared and embedded")
        parser.add_argument("--timeout", type=float, default=3600, help="how long --wait waits at most, in seconds")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON, a line for each file")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["fetchers"] <= 64:
            raise CommandError("--fetchers must be from 1 to 64.")
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit must be at least 1.")
        try:
            columns = Columns.of(options["column"])
        except ValueError as error:
            raise CommandError(f"--column {error}") from error
        if options["root"] and not options["root"].is_dir():
            raise CommandError(f"--root {options['root']} is no directory.")
        failed = [not self._import(path, columns, options) for path in options["files"]]
        if any(failed):
            raise SystemExit(1)

    def _import(self, path: Path, columns: Columns, options: dict[str, Any]) -> bool:
        """Import one file and print what became of it; return whether nothing went wrong."""
        name = _catalogue(options["name"] or path.stem, dry=options["dry_run"])
        outcome, fatal = Outcome(name), ""
        try:
            with CatalogueFile(path, columns, options["format"]) as rows, self._bar(rows, name, options) as advance:
                work = Import(
                    name,
                    options["root"] or path.parent,
                    fetchers=options["fetchers"],
                    dry=options["dry_run"],
                    advance=advance,
                )
                outcome = work.outcome
                work.run(islice(rows, options["limit"]))
        except (Unreadable, Busy) as error:
            fatal = str(error)
        except KeyboardInterrupt:
            raise CommandError(f"{name}: ended after {outcome.rows:,} rows; run it again to go on.") from None
        if options["wait"] and not options["dry_run"]:
            self._wait(outcome, options["timeout"])
        self._print(outcome, fatal, options)
        return not fatal and not outcome.failed

    def _bar(self, rows: CatalogueFile, name: str, options: dict[str, Any]) -> "_Bar":
        console = Console(stderr=True)
        return _Bar(rows, name, console, quiet=options["json"] or not console.is_terminal)

    def owing(self, assets: AssetQuerySet) -> AssetQuerySet:
        """Of these assets the ones that something is still to be done for."""
        return assets.pending()

    def _wait(self, outcome: Outcome, timeout: float) -> None:
        """Wait until nothing is owed for the catalogue's assets; those that were quarantined count as failed."""
        deadline = time.monotonic() + timeout
        assets = Asset.objects.filter(catalogue_rows__catalogue=outcome.catalogue).distinct()
        while owed := self.owing(assets).count():
            if time.monotonic() > deadline:
                raise CommandError(f"{owed} assets are still not ready. Is the worker running (make up)?")
            time.sleep(0.2)
        for asset in assets.filter(state=State.QUARANTINED)[:MOST_SHOWN]:
            outcome.failed += 1
            for row in asset.catalogue_rows.filter(catalogue=outcome.catalogue):
                why = f"asset {asset.pk} is quarantined: {asset.problem}"
                outcome.problems.append({"line": row.line, "key": row.key, "column": "", "problem": why})

    def _print(self, outcome: Outcome, fatal: str, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(asdict(outcome) | {"error": fatal}, ensure_ascii=False))
            return
        for problem in outcome.problems[:MOST_PRINTED]:
            column = f", column {problem['column']}" if problem["column"] else ""
            key = f" ({problem['key'][:60]})" if problem["key"] else ""
            self.stderr.write(f"line {problem['line']}{column}{key}: {problem['problem']}")
        if (more := outcome.failed - MOST_PRINTED) > 0:
            self.stderr.write(f"… and {more:,} more: see the catalogue rows in the admin.")
        if fatal:
            self.stderr.write(fatal)
        counts = [f"{getattr(outcome, what):,} {what}" for what in ("new", "linked", "changed", "unchanged", "failed")]
        tried = " (nothing was written)" if options["dry_run"] else ""
        self.stdout.write(f"{outcome.catalogue}: {outcome.rows:,} rows: {', '.join(counts)}{tried}")


def _catalogue(name: str, *, dry: bool) -> str:
    """Return the name of the catalogue, for which there is a collection now; raise CommandError."""
    name = " ".join(name.split())
    if len(name) > 100 or not name.isprintable():
        raise CommandError(f"--name {name[:60]!r}: at most 100 characters that can be printed.")
    try:
        if dry:
            Collection.slug_of(name)
        else:
            collections_named([name])
    except ValueError as error:
        raise CommandError(f"--name {name}: {error}") from error
    return name


class _Bar:
    """How far the reading of a file is, on a terminal; called after each row."""

    def __init__(self, rows: CatalogueFile, name: str, console: Console, *, quiet: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
        self._bar = Progress(*columns, TimeRemainingColumn(), console=console, disable=quiet)
        self._rows, self._name = rows, name

    def __enter__(self) -> "_Bar":
        self._bar.start()
        self._task = self._bar.add_task(self._name, total=self._rows.size)
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def __call__(self, outcome: Outcome) -> None:
        failed = f", {outcome.failed} failed" if outcome.failed else ""
        with suppress(ValueError):  # closed
            self._bar.update(
                self._task, completed=self._rows.position, description=f"{self._name}: {outcome.rows:,} rows{failed}"
            )
