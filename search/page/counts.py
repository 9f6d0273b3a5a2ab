"""The facets of an answer, each value with the address that narrows the search down to it."""

from dataclasses import replace
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assets.models import Kind
from search.facets import facets
from search.page.chips import address
from search.query import SearchQuery
from search.results import Results

LABELS = {
    "tag": gettext_lazy("Tags"),
    "collection": gettext_lazy("Collections"),
    "kind": gettext_lazy("Kind"),
    "year": gettext_lazy("Year"),
    "uploader": gettext_lazy("Uploaded by"),
}
SEVERAL = {"tag", "collection"}  # more than one may be asked for
FIRST = 6  # how many values are shown before the rest is asked for


class Value(NamedTuple):
    label: str
    number: int
    url: str  # empty where there is no filter


class Facet(NamedTuple):
    label: str
    first: list[Value]
    rest: list[Value]


def counted(results: Results, user: Any) -> list[Facet]:
    """Return the facets that can still narrow the search down, most frequent values first."""
    found = []
    by_name = facets(results.matches, user)
    total = sum(value["count"] for value in by_name["kind"])  # every asset is of one kind
    for name, values in by_name.items():
        shown = [
            Value(_label(name, value["value"], value["label"]), value["count"], _narrowed(results.query, name, value))
            for value in values
            if value["count"] < total and (name, value["value"]) not in results.query.filters
        ]
        if shown:
            found.append(Facet(str(LABELS[name]), shown[:FIRST], shown[FIRST:]))
    return found


def _label(name: str, value: str, label: str) -> str:
    return str(Kind(value).label).capitalize() if name == "kind" else label or _("unnamed")


def _narrowed(query: SearchQuery, name: str, value: dict[str, Any]) -> str:
    if name == "uploader":
        return ""
    others = {pair for pair in query.filters if name in SEVERAL or pair[0] != name}
    return address(replace(query, filters=tuple(sorted(others | {(name, value["value"])}))))
