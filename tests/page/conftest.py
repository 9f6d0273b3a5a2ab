"""Reading the page as a visitor does: by its links, fields and texts."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, NamedTuple

import pytest
from django.http import HttpResponse
from django.test import Client


class Element(NamedTuple):
    tag: str
    attributes: dict[str, str | None]
    text: str

    def has_class(self, name: str) -> bool:
        return name in (self.attributes.get("class") or "").split()


VOID = {"img", "input", "link", "meta", "br"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[Any]] = []
        self.open: list[list[Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        entry = [tag, dict(attrs), ""]
        self.found.append(entry)
        if tag not in VOID:
            self.open.append(entry)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for entry in self.open:
            entry[2] += data


class Seen:
    """A response as its elements."""

    def __init__(self, response: HttpResponse) -> None:
        self.response = response
        self.status = response.status_code
        self.html = response.content.decode()
        reader = _Reader()
        reader.feed(self.html)
        self.elements = [Element(tag, attrs, " ".join(text.split())) for tag, attrs, text in reader.found]

    def all(self, tag: str, class_: str = "", **attributes: str) -> list[Element]:
        return [
            element
            for element in self.elements
            if element.tag == tag
            and (not class_ or element.has_class(class_))
            and all(element.attributes.get(name) == value for name, value in attributes.items())
        ]

    def one(self, tag: str, class_: str = "", **attributes: str) -> Element:
        (element,) = self.all(tag, class_, **attributes)
        return element

    @property
    def names(self) -> list[str]:
        """The assets shown, in their order."""
        return [element.text for element in self.all("span", "name")]

    def links(self, text: str) -> list[str]:
        return [element.attributes["href"] or "" for element in self.all("a") if text in element.text]


@pytest.fixture
def see(client: Client, public: None) -> Callable[..., Seen]:
    """Open an address of the public page, as an anonymous visitor."""

    def open_page(address: str = "/", **options: Any) -> Seen:
        return Seen(client.get(address, **options))

    return open_page
