"""What happens while a question is answered, as plain values for JSON."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from assets.models import Asset
from search.ask.answer import Statement
from search.ask.asking import Begun, Event, Question

Link = Callable[[Asset], str]


class Wire:
    """Writes events down; ``link`` gives the address of an asset's page, and nothing else is ever a link."""

    def __init__(self, question: Question, link: Link) -> None:
        self._question, self._link = question, link
        self._cited: dict[int, dict[str, Any]] = {}

    def events(self, events: Iterable[Event]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the name of each event and what it says: ``pictures``, ``statement`` …, ``done``."""
        for event in events:
            yield self._written(event)

    def whole(self, events: Iterable[Event]) -> dict[str, Any]:
        """Return all of it as one object."""
        said: dict[str, Any] = {"question": self._question.text, "statements": []}
        for name, value in self.events(events):
            if name == "statement":
                said["statements"].append(value)
            else:
                said |= value
        marked = (
            statement["text"] + "".join(f" [{citation['number']}]" for citation in statement["citations"])
            for statement in said["statements"]
        )
        return said | {"answer": "\n".join(marked)}

    def _written(self, event: Event) -> tuple[str, dict[str, Any]]:
        match event:
            case Begun():
                self._cited = {
                    one.number: {
                        "number": one.number,
                        "id": one.asset.pk,
                        "title": str(one.asset),
                        "url": self._link(one.asset),
                    }
                    for one in event.pictures
                }
                query = self._question.query.params().urlencode()
                return "pictures", {"model": event.model, "search": query, "pictures": list(self._cited.values())}
            case Statement():
                citations = [self._cited[number] for number in event.numbers]
                return "statement", {"text": event.text, "citations": citations}
            case _:
                return "done", {"complete": event.complete, "removed": event.removed, "tokens": event.tokens}
