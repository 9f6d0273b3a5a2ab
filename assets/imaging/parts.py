"""What the decoders have in common: a picture of the whole, pictures of its parts, and what may be spent on them."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from PIL import Image

# When a picture can have been taken. Cameras write nonsense too, up to years that a database cannot hold.
YEARS = range(1801, 2200)


@dataclass
class Part:
    """A part that is found by itself. ``place`` is its kind, and where it is, as columns of ``Segment``."""

    number: int
    place: dict[str, Any]
    picture: Image.Image


@dataclass
class Opened:
    """What is in a file: facts, the picture of the whole (RGB, upright), its parts, which are made as they are read.

    ``width`` and ``height`` are the upright original's in pixels.
    """

    width: int
    height: int
    format: str
    picture: Image.Image
    metadata: dict[str, Any] = field(default_factory=dict)
    taken_at: str | None = None
    parts: Iterable[Part] = ()


class Clock:
    """How much of the time for one file is left: what was found until then counts."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def __bool__(self) -> bool:
        return time.monotonic() < self._end

    def while_left(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if not self:
                return
            yield item


def plain(value: Any, longest: int = 1000) -> str:
    """Return a text as a database can hold it."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "replace").decode().replace("\x00", "").strip()[:longest]


def moment(text: str) -> str | None:
    """Return a time as ISO 8601 when it is one, and one that something can have been taken at."""
    try:
        taken = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return taken.isoformat() if taken.year in YEARS else None
