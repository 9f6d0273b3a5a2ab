"""Rows become assets: each once, what is missing fetched, what has changed said again, what failed kept for next time.

Pictures are fetched by a few threads; everything else, the database above all, is this thread's. A row and its asset
are written in one transaction, so that a process that is killed leaves rows that are done and rows that are not.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile, File
from django.db import transaction

from assets.catalogue import pictures, saying
from assets.catalogue.pictures import Unusable
from assets.catalogue.rows import Row, Wrong
from assets.ingest import Duplicate, Rejected, ingest
from assets.locks import alone
from assets.models import Asset, CatalogueRow

BATCH = 200  # rows whose former state is looked up at once
MOST_SHOWN = 100  # problems that an outcome names; the table has all of them


class Busy(Exception):
    """Somebody else imports this catalogue at the moment."""


@dataclass
class Outcome:
    """What became of the rows of one catalogue: each of ``rows`` is in one of the five counts below it."""

    catalogue: str
    rows: int = 0
    new: int = 0  # rows whose picture became an asset
    linked: int = 0  # rows whose picture was in the library already
    changed: int = 0
    unchanged: int = 0
    failed: int = 0  # and, of those who wait, assets that could not be decoded
    problems: list[dict[str, Any]] = field(default_factory=list)


class Import:
    """Imports one catalogue. ``root`` is the folder of its files; ``advance`` is called after each row that is done.

    With ``dry`` nothing is fetched and nothing written: what would be, is counted.
    """

    def __init__(
        self,
        catalogue: str,
        root: Path,
        *,
        fetchers: int = 8,
        dry: bool = False,
        advance: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        self.outcome = Outcome(catalogue)
        self._root, self._fetchers, self._dry, self._advance = root, fetchers, dry, advance
        self._seen: dict[bytes, int] = {}
        self._fetching: dict[Future[bytes], Row] = {}
        self._keyless: list[CatalogueRow] = []  # what is wrong with lines that have no key, until it is written

    def run(self, rows: Iterable[Row | Wrong]) -> None:
        """Take the rows in; raise Busy when somebody else does so. What the iterable raises ends it."""
        catalogue = self.outcome.catalogue
        with ThreadPoolExecutor(self._fetchers, "fetch") as self._pool:
            try:
                # It is held until this process ends, however it ends.
                with nullcontext(True) if self._dry else alone(f"import of the catalogue {catalogue}") as mine:
                    if not mine:
                        raise Busy(f"The catalogue {catalogue} is being imported by another process.")
                    self._run(iter(rows))
            finally:
                self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, rows: Iterator[Row | Wrong]) -> None:
        if not self._dry:
            self._of_catalogue().filter(key=None).delete()
        while batch := list(islice(rows, BATCH)):
            self._take_batch(batch)
        while self._fetching:
            self._finish_some()

    def _take_batch(self, batch: list[Row | Wrong]) -> None:
        known = {row.key: row for row in self._of_catalogue().filter(key__in=[row.key for row in batch if row.key])}
        moved = []
        row: Row | Wrong
        for row in batch:
            self.outcome.rows += 1
            if isinstance(row, Row):
                row = self._first(row)
            if isinstance(row, Wrong):
                self._failed(row, row)
                continue
            before = known.get(row.key)
            if before is None or before.asset_id is None or before.source != row.source:
                self._get(row)
            elif before.said != saying.of(row, self.outcome.catalogue) or before.problem:
                self._say(row)
            else:
                if before.line != row.line:
                    before.line = row.line
                    moved.append(before)
                self._done("unchanged")
        CatalogueRow.objects.bulk_create(self._keyless)
        self._keyless.clear()
        if moved and not self._dry:
            CatalogueRow.objects.bulk_update(moved, ["line"])

    def _first(self, row: Row) -> Row | Wrong:
        digest = blake2b(row.key.encode(), digest_size=8).digest()
        if (line := self._seen.setdefault(digest, row.line)) != row.line:
            return Wrong(row.line, f"its key, {row.key[:60]}, is that of line {line} already")
        return row

    # --- Bytes -------------------------------------------------------------------------------------------------------

    def _get(self, row: Row) -> None:
        if row.file:
            try:
                with pictures.opened(self._root, row.file) as content:
                    self._take(row, content)
            except (Unusable, Rejected, saying.Refused) as error:
                self._failed(row, error)
            except OSError as error:
                self._failed(row, Unusable(f"{row.file}: {error.strerror or error}"))
        elif self._dry:
            self._done("new")
        else:
            while len(self._fetching) >= 2 * self._fetchers:
                self._finish_some()
            self._fetching[self._pool.submit(pictures.fetched, row.url)] = row

    def _finish_some(self) -> None:
        finished, _unfinished = wait(self._fetching, return_when=FIRST_COMPLETED)
        for future in finished:
            row = self._fetching.pop(future)
            try:
                self._take(row, ContentFile(future.result()))
            except (Unusable, Rejected, saying.Refused) as error:
                self._failed(row, error)

    # --- Rows --------------------------------------------------------------------------------------------------------

    def _take(self, row: Row, content: File) -> None:
        """Make an asset of the bytes, or find the one that has them, and have the row point to it; raise Rejected."""
        if self._dry:
            self._done("new")
            return
        name = pictures.file_name(row.source)
        while not (done := self._taken(row, content, name)):
            pass  # the asset that had these bytes was deleted at this moment
        self._done(done)

    @transaction.atomic
    def _taken(self, row: Row, content: File, name: str) -> str:
        said = saying.of(row, self.outcome.catalogue)
        known = self._of_catalogue().select_for_update().filter(key=row.key).first()
        try:
            asset, done = ingest(content, name=name, **saying.as_columns(said)), "new"
        except Duplicate as duplicate:
            existing = Asset.objects.select_for_update().filter(pk=duplicate.existing.pk).first()
            if existing is None:
                return ""
            asset, done = existing, "linked"
        before = known.said if known is not None and known.asset_id == asset.pk else {}
        if known is not None and known.asset_id not in (None, asset.pk):  # its picture is another one now
            for former in Asset.objects.select_for_update().filter(pk=known.asset_id):
                saying.merge(former, known.said, {}, known)
        if done == "linked":
            saying.merge(asset, before, said, known)
        self._record(row, said=said, source=row.source, asset=asset, problem="")
        return done

    def _say(self, row: Row) -> None:
        """Take over what a row says otherwise than before of an asset whose picture is the same."""
        try:
            if self._dry or self._said(row):
                self._done("changed")
            else:
                self._get(row)
        except saying.Refused as error:
            self._failed(row, error)

    @transaction.atomic
    def _said(self, row: Row) -> bool:
        """False when the asset is deleted at this moment, and its row with it."""
        known = self._of_catalogue().select_for_update().filter(key=row.key).first()
        asset = known and Asset.objects.select_for_update().filter(pk=known.asset_id).first()
        if asset is None:
            return False
        said = saying.of(row, self.outcome.catalogue)
        saying.merge(asset, known.said, said, known)
        self._record(row, said=said, problem="")
        return True

    def _failed(self, row: Row | Wrong, error: ValueError) -> None:
        column = error.column if isinstance(error, Wrong) else ""
        why = error.why if isinstance(error, Wrong) else str(error)
        if not self._dry:
            self._record(row, problem=str(error))
        if len(self.outcome.problems) < MOST_SHOWN:
            self.outcome.problems.append({"line": row.line, "key": row.key, "column": column, "problem": why})
        self._done("failed")

    def _record(self, row: Row | Wrong, **columns: Any) -> None:
        columns["line"] = row.line
        if row.key is None:
            self._keyless.append(CatalogueRow(catalogue=self.outcome.catalogue, **columns))
        else:
            CatalogueRow.objects.update_or_create(catalogue=self.outcome.catalogue, key=row.key, defaults=columns)

    def _of_catalogue(self) -> Any:
        return CatalogueRow.objects.filter(catalogue=self.outcome.catalogue)

    def _done(self, what: str) -> None:
        setattr(self.outcome, what, getattr(self.outcome, what) + 1)
        self._advance(self.outcome)
