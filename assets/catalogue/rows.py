"""What a row of a catalogue holds, whatever file it came from: checked, or refused by line and column."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from assets.models import Tag

# The fields of a row, and the columns that hold them unless somebody says otherwise.
USUAL = {
    "id": ("id",),
    "url": ("url",),
    "file": ("file",),
    "title": ("title",),
    "descriptions": ("descriptions", "description"),
    "tags": ("tags",),
    "split": ("split",),
}
NUMBERED = re.compile(r"description[ _-]?\d+")
LONGEST = {"id": 10_000, "url": 4000, "file": 4000, "title": 255, "descriptions": 10_000, "tags": 100, "split": 50}
MOST = {"descriptions": 100, "tags": 100}
LONGEST_KEY = 200  # as the database has it


class Wrong(ValueError):
    """A row that cannot be taken as it is: the line it begins on (from 1), the column where there is one, and why."""

    def __init__(self, line: int, why: str, column: str = "", key: str | None = None) -> None:
        self.line, self.column, self.why, self.key = line, column, why, key
        super().__init__(f"column {column}: {why}" if column else why)


@dataclass(frozen=True)
class Row:
    """One row, in words that can be stored. It has a ``url`` or a ``file``; ``key`` is what it is known by."""

    line: int
    key: str
    url: str
    file: str
    title: str
    descriptions: tuple[str, ...]
    tags: tuple[str, ...]
    split: str

    @property
    def source(self) -> str:
        """Where its bytes are: a file of the catalogue, or else an address."""
        return self.file or self.url


@dataclass(frozen=True)
class Columns:
    """Which columns hold which field."""

    names: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, pairs: Iterable[str]) -> "Columns":
        """Read ``FIELD=NAME`` pairs; raise ValueError for a field that is none. Others have their usual columns."""
        given: dict[str, list[str]] = {}
        for pair in pairs:
            field, equals, name = pair.partition("=")
            if field not in USUAL or not equals or not name:
                raise ValueError(f"{pair!r}: give FIELD=COLUMN, with one of {', '.join(USUAL)}.")
            given.setdefault(field, []).append(name)
        return cls({**USUAL, **{field: tuple(names) for field, names in given.items()}})

    def of_field(self, field: str, there: Iterable[str]) -> list[str]:
        """Return those of the columns that are there which hold this field, in their order."""
        names = self.names[field]
        numbered = field == "descriptions" and names == USUAL[field]
        return [name for name in there if name in names or (numbered and NUMBERED.fullmatch(name))]

    def row(self, line: int, cells: Mapping[str, Any], *, of_text: bool) -> Row:
        """Return what the cells say; raise Wrong. With ``of_text`` every cell is text, and lists are written in it."""
        one: dict[str, str] = {}
        many: dict[str, list[str]] = {"descriptions": [], "tags": []}
        for field in USUAL:
            for column in self.of_field(field, cells):
                try:
                    if field in many:
                        many[field] += _texts(field, cells[column], of_text)
                    else:
                        one[field] = one.get(field) or _text(field, cells[column])
                except ValueError as error:
                    raise Wrong(line, str(error), column) from None
        url, file = one.get("url", ""), one.get("file", "")
        if not url and not file:
            wanted = " or ".join(name for field in ("url", "file") for name in self.names[field])
            raise Wrong(line, f"there is no picture: neither of the columns {wanted} has anything in it")
        return Row(
            line=line,
            key=_key(one.get("id") or url or file),
            url=url,
            file=file,
            title=one.get("title", ""),
            descriptions=tuple(dict.fromkeys(many["descriptions"])),
            tags=tuple({Tag.slug_of(name): name for name in many["tags"]}.values()),
            split=one.get("split", ""),
        )


def _key(text: str) -> str:
    """Return the text itself, or its digest where it is longer than a key may be."""
    return text if len(text) <= LONGEST_KEY else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _text(field: str, value: Any) -> str:
    """Return one text on one line, empty for what is not there; raise ValueError."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and field in ("id", "split"):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"a text is expected, not {_kind(value)}")
    if "\0" in value:
        raise ValueError("there is a NUL character in it")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("there is half of a character in it (a lone surrogate)")
    value = value.strip() if field in ("url", "file") else " ".join(value.split())
    if len(value) > LONGEST[field]:
        raise ValueError(f"longer than {LONGEST[field]:,} characters")
    if field == "tags" and value:
        Tag.slug_of(value)
    return value


def _texts(field: str, value: Any, of_text: bool) -> list[str]:
    if of_text and isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("it begins like a JSON list, and is none") from None
    elif field == "tags" and isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        value = [value]
    if len(value) > MOST[field]:
        raise ValueError(f"more than {MOST[field]} of them")
    return [text for item in value if (text := _text(field, item))]


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "something else")
