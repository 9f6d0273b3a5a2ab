"""A question about pictures: the best that the asker may see are shown to a language model, which answers from them."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext as _

from search.ask import budget
from search.ask.answer import Reader, Statement
from search.ask.books import Entry
from search.ask.errors import BrokenOff
from search.ask.pictures import Picture, chosen
from search.ask.prompt import of_question, plain
from search.ask.providers import Stop, model_of
from search.ask.setup import setup
from search.language import MOST_CHARACTERS, Kind, Part
from search.query import InvalidQuery, SearchQuery
from search.results import search

MOST_QUESTION = 1000  # characters


@dataclass(frozen=True)
class Question:
    """What is asked, and the search that finds the pictures for it; at most so many are shown."""

    text: str
    query: SearchQuery
    most: int

    @classmethod
    def parse(cls, params: QueryDict) -> "Question":
        """Read ``question``, ``pictures`` and, as the rest, a search; raise InvalidQuery with every mistake.

        Without anything to look for among them, the question itself is looked for.
        """
        rest = params.copy()
        texts, numbers = (rest.pop(name, []) for name in ("question", "pictures"))
        errors: dict[str, list[str]] = {}
        text = plain("\n".join(texts))
        if not text:
            errors["question"] = [_("Ask something.")]
        elif len(text) > MOST_QUESTION or len(texts) > 1:
            errors["question"] = [_("Ask one question of at most %d characters.") % MOST_QUESTION]
        most = settings.DAM_LLM_PICTURES
        number = numbers[-1].strip() if numbers else str(most)
        if not (number.isascii() and number.isdecimal() and len(number) < 6 and 1 <= int(number) <= most):
            errors["pictures"] = [_("Give a number from 1 to %d.") % most]
        try:
            query = SearchQuery.parse(rest)
        except InvalidQuery as error:
            raise InvalidQuery({**errors, **error.errors}) from error
        if errors:
            raise InvalidQuery(errors)
        if not query.parts:
            query = replace(query, parts=(Part(Kind.TEXT, " ".join(text.split())[:MOST_CHARACTERS]),))
        return cls(text, query, int(number))


@dataclass(frozen=True)
class Begun:
    """The model has begun to answer from these pictures; there may be none, and then nobody was asked."""

    model: str
    pictures: list[Picture]


@dataclass(frozen=True)
class Done:
    """The answer has ended; ``complete`` unless it reached the most tokens. ``removed`` citations named no picture."""

    complete: bool
    removed: int
    tokens: dict[str, int | None]


Event = Begun | Statement | Done


def ask(question: Question, user: Any) -> Generator[Event, None, None]:
    """Ask for somebody, and yield what happens: Begun, Statements, Done.

    The first event comes with the first piece of the answer, so that whatever fails before fails before it. Raises
    AskFailed, and what ``search.results.search`` raises. Closing it ends the request.
    """
    configured = setup()
    model = model_of(configured)
    with budget.places.one():
        pictures = chosen(search(question.query, user), question.most)
        prompt = of_question(question.text, pictures)
        fields = {"question": question.text, "search": question.query.params().urlencode()}
        with Entry(user, configured, prompt, assets=[one.asset.pk for one in pictures], **fields) as entry:
            if not pictures:
                yield Begun(configured.name, pictures)
                yield Done(True, 0, entry.tokens)
                return
            reader = Reader([picture.number for picture in pictures])
            begun = False
            with closing(entry.pieces(model)) as pieces:
                for piece in pieces:
                    if not begun:
                        yield Begun(configured.name, pictures)
                        begun = True
                    yield from _noted(entry, reader.feed(piece))
            whole = entry.stop is Stop.END
            if not begun:
                yield Begun(configured.name, pictures)
            if not whole and not reader.statements:
                raise BrokenOff(_("The answer was cut off before it said anything: raise DAM_LLM_MAX_TOKENS."))
            yield from _noted(entry, reader.finish(whole=whole))
            yield Done(whole, sum(statement.removed for statement in reader.statements), entry.tokens)


def _noted(entry: Entry, statements: Iterator[Statement]) -> Iterator[Statement]:
    for statement in statements:
        if statement.text:
            entry.answer.append({"text": statement.text, "pictures": list(statement.numbers)})
            yield statement
