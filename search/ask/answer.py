"""What of an answer may be shown: statements of plain text, each with numbers of pictures that were sent.

A number that was not sent is taken away and counted. What is no answer of the asked form raises Unreadable.
"""

import json
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from search.ask.errors import Unreadable
from search.ask.prompt import plain

MOST_STATEMENTS = 40
MOST_TEXT = 4000  # characters of one text

_BEGINNING = re.compile(r'\s*(?:```(?:json)?\s*)?\{\s*"statements"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
# Numbers in brackets look like citations, which are written by us alone.
_BRACKETED = re.compile(r" ?[\[［【〔〖〚⟦⟬﹝⁅❲]([^\[\]［］【】〔〕〖〗〚〛⟦⟧⟬⟭﹝﹞⁅⁆❲❳]*)[\]］】〕〗〛⟧⟭﹞⁆❳]")
_BRACKETS = re.compile(r"[\[\]［］【】〔〕〖〗〚〛⟦⟧⟬⟭﹝﹞⁅⁆❲❳]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_decoder = json.JSONDecoder()


@dataclass(frozen=True)
class Statement:
    """One statement, and the numbers of the pictures that show it."""

    text: str
    numbers: tuple[int, ...]
    removed: int = 0  # numbers that were no picture's


@dataclass(frozen=True)
class Draft:
    """What a model drafted for one picture; ``language`` is empty where it named none."""

    alt: str
    caption: str
    language: str


class Reader:
    """Reads an answer as it comes: each statement as soon as it is whole."""

    def __init__(self, numbers: Collection[int]) -> None:
        self._numbers = set(numbers)
        self._text = ""
        self._at: int | None = None
        self._ended = False
        self.statements: list[Statement] = []

    def feed(self, piece: str) -> Iterator[Statement]:
        """Take in a piece of the answer, and yield the statements that it completes."""
        self._text += piece
        if "}" in piece:
            yield from self._complete()

    def finish(self, *, whole: bool) -> Iterator[Statement]:
        """Yield what is left, once the answer has ended; one that is not ``whole`` may lack its end."""
        yield from self._complete()
        if whole and not self._ended:
            yield from self._left(_json(self._text))
        if not any(statement.text for statement in self.statements):
            raise unreadable()

    def _complete(self) -> Iterator[Statement]:
        if self._at is None:
            if not (beginning := _BEGINNING.match(self._text)):
                return
            self._at = beginning.end()
        while not self._ended:
            start = _BETWEEN.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches nothing, too
            if self._text.startswith("]", start):
                self._ended = True
                return
            try:
                value, self._at = _decoder.raw_decode(self._text, start)
            except (ValueError, RecursionError):  # there is more to come, or it is none
                return
            yield from self._taken(value)

    def _left(self, answer: Any) -> Iterator[Statement]:
        """The statements of an answer that was read as a whole, but for those that were read before."""
        if not isinstance(answer, dict) or not isinstance(answer.get("statements"), list):
            raise unreadable()
        for value in answer["statements"][len(self.statements) :]:
            yield from self._taken(value)

    def _taken(self, value: Any) -> Iterator[Statement]:
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            raise unreadable()
        if len(self.statements) >= MOST_STATEMENTS:
            raise Unreadable(_("The answer is longer than was asked for."))
        text = _uncited(plain(value["text"][:MOST_TEXT])).strip()
        given = value.get("pictures", [])
        given = given if isinstance(given, list) else [given]
        known = [number for number in given if type(number) is int and number in self._numbers]
        statement = Statement(text, tuple(dict.fromkeys(known)), len(given) - len(known))
        self.statements.append(statement)
        yield statement


def draft(text: str) -> Draft:
    """Read the drafts for a picture; raise Unreadable."""
    answer = _json(text)
    if not isinstance(answer, dict) or not all(isinstance(answer.get(name), str) for name in ("alt", "caption")):
        raise unreadable()
    alt, caption = (" ".join(plain(answer[name]).split()) for name in ("alt", "caption"))
    if not alt and not caption:
        raise unreadable()
    language = answer.get("language")
    named = isinstance(language, str) and _LANGUAGE.fullmatch(language)
    return Draft(alt[:1000], caption[:255], str(language) if named else "")


def _uncited(text: str) -> str:
    """Return the text without what looks like a citation, also where one is left by taking out another."""
    text = _BRACKETED.sub(lambda found: "" if _is_number(found[1]) else found[0], text)
    return _BRACKETS.sub("", text) if any(map(_is_number, _BRACKETED.findall(text))) else text


def _is_number(text: str) -> bool:
    """Whether these are digits alone, or other signs of numbers, and what stands between them: no letter."""
    text = unicodedata.normalize("NFKD", text)
    return any(map(str.isdigit, text)) and not any(map(str.isalpha, text))


def unreadable() -> Unreadable:
    return Unreadable(_("The model's answer does not have the form that was asked for. Ask again, or another model."))


def _json(text: str) -> Any:
    text = text.strip()
    if text.startswith("```"):
        text = text.removeprefix("```").removeprefix("json").removesuffix("```")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise unreadable() from error
