"""What happens while a question is answered, as plain values for JSON."""

from collections.abc import Iterable, Iterator
from typing import Any

from assets.addresses import rendition_url
from search.ask.answer import Statement
from search.ask.asking import Begun, Event, Question


class Wire:
    """Writes events down. Links go to assets' pages, below ``root``, and nowhere else."""

    def __init__(self, question: Question, root: str = "") -> None:
        self._question, self._root = question, root
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
                        "url": self._root + one.asset.get_absolute_url(),
                        "thumbnail": self._root + rendition_url(one.asset.pk, "thumbnail"),
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
