"""Rows out of a file, one after the other, in bounded memory; what is broken is named by its line and left out."""

import codecs
import csv
import json
import os
import stat
from collections import Counter
from collections.abc import Container, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from assets.catalogue.rows import USUAL, Columns, Row, Wrong

MOST_LINE = 1_000_000  # bytes of one row
DELIMITERS = ",;\t"
FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "csv"}
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


class Unreadable(Exception):
    """A file of which nothing, or nothing more, can be read; the message names it and says why."""


class CatalogueFile:
    """Iterates over the rows of a file: a ``Row``, or a ``Wrong`` for what is none. Raises Unreadable.

    ``size`` is the file's in bytes, and ``position`` how much of it has been read.
    """

    def __init__(self, path: Path, columns: Columns, format: str = "") -> None:
        self.path, self._columns = path, columns
        self._format = format or FORMATS.get(path.suffix.lower(), "")
        if not self._format:
            raise Unreadable(f"{path}: its name does not say what it is; use --format jsonl or --format csv.")
        self._stream = _opened(path)
        self.size = os.fstat(self._stream.fileno()).st_size

    @property
    def position(self) -> int:
        return self._stream.tell()

    def __enter__(self) -> "CatalogueFile":
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[Row | Wrong]:
        rows = self._lines_of_json() if self._format == "jsonl" else self._lines_of_csv()
        empty = True
        for row in rows:
            empty = False
            yield row
        if empty:
            raise Unreadable(f"{self.path} has no rows.")

    def _lines_of_json(self) -> Iterator[Row | Wrong]:
        if self._stream.peek(1000).lstrip().startswith(b"["):
            raise Unreadable(
                f"{self.path} is a JSON list, and one object a line is read here: jq -c '.[]' LIST > FILE.jsonl"
            )
        lines = _Lines(self._stream, quoted=False)
        while True:
            lines.begin()
            try:
                text = next(lines).rstrip()
            except StopIteration:
                return
            except Wrong as error:
                yield error
                continue
            if text:
                try:
                    yield self._columns.row(lines.first, _object(text, lines.first), of_text=False)
                except Wrong as error:
                    yield error

    def _lines_of_csv(self) -> Iterator[Row | Wrong]:
        lines = _Lines(self._stream, quoted=True)
        header, delimiter = self._header(lines)
        repeated = _repeated(header)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            lines.begin()
            try:
                cells = next(reader)
                if len(cells) == len(header):
                    yield self._columns.row(lines.first, _merged(header, cells, repeated), of_text=True)
                elif cells:
                    raise Wrong(lines.first, f"{len(cells)} cells, where the first line names {len(header)} columns")
            except StopIteration:
                return
            except csv.Error as error:
                lines.skip()
                yield Wrong(lines.first, _in_words(error))
            except Wrong as error:
                yield error

    def _header(self, lines: "_Lines") -> tuple[list[str], str]:
        lines.begin()
        try:
            first = next(lines, "")
            delimiter = max(DELIMITERS, key=first.count)
            header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter, strict=True), [])]
        except (Wrong, csv.Error) as error:
            raise Unreadable(f"{self.path}, line 1: {error}") from None
        if not any(header):
            raise Unreadable(f"{self.path} is empty, or begins with an empty line.")
        named = ", ".join(map(_shown, header[:20]))
        if not self._columns.of_field("url", header) and not self._columns.of_field("file", header):
            raise Unreadable(
                f"{self.path}: the first line names no column url or file, but {named}."
                " Say which it is with --column url=NAME, or put the names of the columns into the first line."
            )
        for field, names in self._columns.names.items():
            for name in names:
                if name not in header and name not in USUAL[field]:
                    raise Unreadable(f"{self.path} has no column {name}; there are {named}.")
                if field not in ("descriptions", "tags") and header.count(name) > 1:
                    raise Unreadable(f"{self.path} has the column {name} {header.count(name)} times.")
        return header, delimiter


class _Lines:
    """The lines of a file as text. ``begin`` says that a row begins; the lines of one row are together bounded.

    Raises Wrong for a row that is too long or no UTF-8, having read on to its end: that of the line, or, where rows may
    be ``quoted`` over several, that of the line that closes the last quote. ``first`` and ``number`` count from 1.
    """

    def __init__(self, stream: BufferedReader, *, quoted: bool) -> None:
        self._stream, self._quoted = stream, quoted
        self.number, self._last = 0, b""
        self.begin()

    def begin(self) -> None:
        self.first, self._size, self._quotes = self.number + 1, 0, 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        raw = self._stream.readline(MOST_LINE + 1 - self._size)
        if not raw:
            raise StopIteration
        self.number += 1
        before, self._size = self._size, self._size + len(raw)
        self._quotes += raw.count(b'"')
        self._last = raw
        if self._size > MOST_LINE:
            self.skip()
            raise Wrong(self.first, f"longer than {MOST_LINE:,} bytes")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            self.skip()
            raise Wrong(self.first, f"byte {before + error.start + 1} is not UTF-8; save the file as UTF-8") from None

    def skip(self) -> None:
        """Read on to the end of the row, and forget it."""
        while self._last and (not self._last.endswith(b"\n") or (self._quoted and self._quotes % 2)):
            ended, self._last = self._last.endswith(b"\n"), self._stream.readline(65536)
            self.number += ended and bool(self._last)
            self._quotes += self._last.count(b'"')


def _opened(path: Path) -> BufferedReader:
    """Open a regular file, behind its byte order mark if it has one; raise Unreadable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise Unreadable(f"{path}: {getattr(error, 'strerror', None) or error}.") from None
    if not stat.S_ISREG(mode := os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable(f"{path} is {'a directory' if stat.S_ISDIR(mode) else 'no regular file'}.")
    stream = os.fdopen(descriptor, "rb")
    start = stream.read(4)
    if start.startswith(WIDE):
        stream.close()
        raise Unreadable(f"{path} is UTF-16 or UTF-32; save it as UTF-8.")
    if not start:
        stream.close()
        raise Unreadable(f"{path} is empty.")
    stream.seek(len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0)
    return stream


def _object(text: str, line: int) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise Wrong(line, "it is there twice", _shown(next(iter(_repeated([name for name, _value in pairs])))))
        return found

    def no_number(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    try:
        found = json.loads(text, object_pairs_hook=unique, parse_constant=no_number)
    except Wrong:
        raise
    except json.JSONDecodeError as error:
        raise Wrong(line, f"no JSON at character {error.pos + 1}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Wrong(line, f"no JSON that can be read: {why}") from None
    if not isinstance(found, dict):
        raise Wrong(line, "no JSON object")
    return found


def _repeated(names: list[str]) -> dict[str, int]:
    """Return those that come more than once, in the order of their first, and how often they do."""
    return {name: count for name, count in Counter(names).items() if count > 1}


def _merged(header: list[str], cells: list[str], repeated: Container[str]) -> dict[str, Any]:
    """Return cells by column; of columns of the same name all cells that have something in them, as a list."""
    found: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        if name in repeated:
            found.setdefault(name, []).extend([cell] if cell else [])
        else:
            found[name] = cell
    return found


def _in_words(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return "a quote is opened here and not closed before the end of the file"
    if "field larger" in str(error):
        return f"a cell is longer than {csv.field_size_limit():,} characters"
    return f"no CSV: {error}"


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text[:60])
