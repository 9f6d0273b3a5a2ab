"""The language of the search box: ``red car -night "exact words" like:123 (old town)^0.5``.

- plain words together are one text to be near to;
- ``-word`` is to be avoided; ``(several words)`` are a text of their own, ``-(several words)`` too;
- ``"exact words"`` must stand in title, description, tags or file name; ``-"exact words"`` must not;
- ``like:123`` is an asset, ``url:https://…`` a picture on the web, ``picture:TOKEN`` an uploaded one;
- ``^0.5`` behind any of them is its weight (1 without);
- ``mode:keyword``, ``sort:-created_at`` and ``space:NAME`` are the settings of the same names.

Quotes and parentheses that nobody closes are read as spaces: people type them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from django.utils.translation import gettext as _

MOST_CHARACTERS = 512  # of one text
MOST_TYPED = 4000
SMALLEST, LARGEST = 0.001, 100.0

_ITEM = re.compile(
    r"""
    (?<![+-])(?P<sign>[+-]*+)  # a run of signs is read once, from its start
    (?: (?P<kind>(?ai:like|picture|url)):(?P<value>\S+)
      | ["“”](?P<phrase>[^"“”]*)["“”]
      | \((?P<group>[^()]*)\)(?:\^(?P<weight>[^\s()"“”]+))?
      | (?P<word>[^\s()"“”]+)
    )
    """,
    re.VERBOSE,
)
_REFERENCE = re.compile(r"(like|picture|url):.+", re.IGNORECASE | re.ASCII)
_SETTING = re.compile(r"(?P<name>(?:mode|sort)(?=:[a-z_-]+\Z)|space):(?P<value>.+)")
_WEIGHTED = re.compile(r"(?P<value>.+)\^(?P<weight>[0-9.eE+-]+)")


class Kind(StrEnum):
    TEXT = "text"
    LIKE = "like"
    PICTURE = "picture"
    URL = "url"


class BadPart(ValueError):
    """One part of a query that cannot be understood; the message names it."""


@dataclass(frozen=True)
class Part:
    """What to be near to, or, with a negative weight, far from: a text, an asset's id, a picture's token, a URL."""

    kind: Kind
    value: str
    weight: float = 1.0

    def __str__(self) -> str:
        sign = "-" if self.weight < 0 else ""
        weight = "" if abs(self.weight) == 1 else f"^{abs(self.weight):g}"
        if self.kind is not Kind.TEXT:
            return f"{sign}{self.kind}:{self.value}{weight}"
        one_word = " " not in self.value and _is_plain(self.value)
        return f"{sign}{self.value}{weight}" if one_word and sign + weight else f"{sign}({self.value}){weight}"


@dataclass(frozen=True)
class Phrase:
    """Words that must stand together in an asset's texts, or must not."""

    text: str
    excluded: bool = False

    def __str__(self) -> str:
        return f'{"-" if self.excluded else ""}"{self.text}"'


@dataclass(frozen=True)
class Box:
    """What somebody typed, understood; ``settings`` are those of the query, by name."""

    parts: list[Part]
    phrases: list[Phrase]
    settings: dict[str, str]


def parse(box: str) -> Box:
    """Read what somebody typed; raise BadPart."""
    if len(box) > MOST_TYPED:
        raise BadPart(_("“%s…” is longer than %d characters.") % (box[:40], MOST_TYPED))
    parts: list[Part] = []
    phrases: list[Phrase] = []
    settings: dict[str, str] = {}
    plain: list[str] = []
    for item in _ITEM.finditer(box):
        sign = -1 if item["sign"].startswith("-") else 1
        if item["kind"] is not None:
            parts.append(reference_to(Kind(item["kind"].lower()), item["sign"] + item["value"]))
        elif item["phrase"] is not None:
            if words := _tidy(item["phrase"]):
                phrases.append(Phrase(words, excluded=sign < 0))
        elif item["group"] is not None:
            if words := _tidy(item["group"]):
                parts.append(Part(Kind.TEXT, words, sign * _weight(item["weight"], words)))
        elif not item["sign"] and (setting := _SETTING.fullmatch(item["word"])):
            settings[setting["name"]] = setting["value"]
        elif item["sign"] or _WEIGHTED.fullmatch(item["word"]):
            value, weight = _split(item["word"])
            parts.append(Part(Kind.TEXT, value, sign * weight))
        else:
            plain.append(item["word"])
    if plain:
        parts.insert(0, Part(Kind.TEXT, " ".join(plain)))
    for text in (*(part.value for part in parts if part.kind is Kind.TEXT), *(phrase.text for phrase in phrases)):
        if len(text) > MOST_CHARACTERS:
            raise BadPart(_("“%s…” is longer than %d characters.") % (text[:40], MOST_CHARACTERS))
    return Box(parts, phrases, settings)


def reference_to(kind: Kind, text: str) -> Part:
    """Read ``[-]VALUE[^WEIGHT]``, which names an asset, an uploaded picture or a URL."""
    text = text.strip()
    sign = -1 if text.startswith("-") else 1
    value, weight = _split(text.lstrip("+-"))
    if not value:
        raise BadPart(_("%s: names nothing.") % kind)
    if kind is Kind.LIKE and not (value.isascii() and value.isdecimal() and len(value) < 20 and int(value) < 2**63):
        raise BadPart(_("like:%s is no asset: give its number.") % value[:40])
    if kind is Kind.LIKE:
        value = str(int(value))
    return Part(kind, value, sign * weight)


def write(parts: Sequence[Part], phrases: Sequence[Phrase] = ()) -> str:
    """Return the text that ``parse`` reads as these parts and phrases."""
    first = parts[0] if parts else None
    if first and first.kind is Kind.TEXT and first.weight == 1 and all(map(_is_plain, first.value.split())):
        return " ".join([first.value, *map(str, [*parts[1:], *phrases])])
    return " ".join(map(str, [*parts, *phrases]))


def merged(parts: Iterable[Part]) -> list[Part]:
    """Return the parts by kind; what stands there twice is made one, its weights added; what comes to nothing goes."""
    weights: dict[Part, float] = {}
    for part in parts:
        key = replace(part, weight=1.0)
        weights[key] = round(weights.get(key, 0) + part.weight, 3)
    kinds = list(Kind)
    parts = [replace(part, weight=weight) for part, weight in weights.items() if weight]
    return sorted(parts, key=lambda part: kinds.index(part.kind))


def _split(text: str) -> tuple[str, float]:
    found = _WEIGHTED.fullmatch(text)
    return (found["value"], _weight(found["weight"], found["value"])) if found else (text, 1.0)


def _weight(text: str | None, value: str) -> float:
    if text is None:
        return 1.0
    try:
        weight = float(text)
    except ValueError as error:
        problem = _("“%(weight)s” is no weight for “%(value)s”: give a number, such as ^0.5.")
        raise BadPart(problem % {"weight": text[:20], "value": value[:40]}) from error
    if not SMALLEST <= weight <= LARGEST:
        raise BadPart(_("The weight of “%s” must be from 0.001 to 100.") % value[:40])
    return round(weight, 3)


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _is_plain(word: str) -> bool:
    return not (
        word[0] in "+-"
        or re.search(r'[()"“”]', word)
        or any(special.fullmatch(word) for special in (_REFERENCE, _SETTING, _WEIGHTED))
    )
