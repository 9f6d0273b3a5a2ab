"""What an address asks of the page: a query and a page of its results, or what was typed and what is wrong with it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assets.filters import AssetFilterSet
from assets.models import Asset
from assets.paginator import DEEPEST
from search.language import Kind
from search.query import REFERENCES, InvalidQuery, Mode, SearchQuery, Sort

PAGE_SIZE = 48
LAST_PAGE = DEEPEST // PAGE_SIZE
# Filters that have a control in the panel. What else an address holds is carried along, as a chip.
CONTROLS = (
    "tag",
    "collection",
    "kind",
    "created_after",
    "created_before",
    "taken_after",
    "taken_before",
    "id__gte",
    "id__lte",
)
LABELS = {
    "q": gettext_lazy("Search"),
    "like": gettext_lazy("Like"),
    "picture": gettext_lazy("Picture"),
    "url": gettext_lazy("Picture on the web"),
    "mode": gettext_lazy("Search in"),
    "sort": gettext_lazy("Order"),
    "space": gettext_lazy("Space"),
    "page": gettext_lazy("Page"),
}
PAGE_NUMBER = forms.IntegerField(min_value=1, max_value=LAST_PAGE)


class Choice(NamedTuple):
    """One of a setting's values; the one that goes without saying has none."""

    value: str
    label: str
    chosen: bool


class Problem(NamedTuple):
    """What is wrong with a parameter. ``anchor`` is the id of its control, where it has one."""

    label: str
    message: str
    anchor: str


class Asked:
    """What the parameters of an address ask for; ``query`` is None when ``errors`` (by parameter) say why."""

    def __init__(self, params: QueryDict) -> None:
        self.params = filled(params)
        self.errors: dict[str, list[str]] = {}
        self.number = 1
        self.query: SearchQuery | None = None
        asked = self.params.copy()
        try:
            self.number = PAGE_NUMBER.clean((asked.pop("page", None) or ["1"])[-1])
        except ValidationError as error:
            self.errors["page"] = error.messages
        try:
            query = SearchQuery.parse(asked)
        except InvalidQuery as error:
            self.refuse(error.errors)
        else:
            self.query = None if self.errors else query

    def refuse(self, errors: Mapping[str, Iterable[str]]) -> None:
        self.errors |= {name: list(messages) for name, messages in errors.items()}
        self.query = None

    @property
    def text(self) -> str:
        """What stands in the box: the query's text, or what was typed."""
        return self.query.text if self.query else " ".join(self.params.getlist("q"))

    @property
    def modes(self) -> list[Choice]:
        return self._choices("mode", Mode, Mode.HYBRID)

    @property
    def sorts(self) -> list[Choice]:
        return self._choices("sort", Sort, Sort.RELEVANCE)

    @cached_property
    def filters(self) -> forms.Form:
        """The filters' form, as it was filled in; its fields know what is wrong with them."""
        form = AssetFilterSet(self.params, queryset=Asset.objects.none()).form
        form.is_valid()
        return form

    @property
    def carried(self) -> list[tuple[str, str]]:
        """Parameters without a control, which the form sends along."""
        shown = {"q", "mode", "sort", "page", *CONTROLS}
        return [(name, value) for name, values in self.params.lists() if name not in shown for value in values]

    @property
    def problems(self) -> list[Problem]:
        return [self._problem(name, message) for name, messages in self.errors.items() for message in messages]

    def address(self, query: SearchQuery) -> QueryDict:
        """Return the parameters of the one address that asks for this page of this query."""
        params = query.params()
        if self.number > 1:
            params["page"] = str(self.number)
        return params

    def moved(self, params: QueryDict) -> bool:
        """Whether these, the canonical ones, have out of the box what this address had in it."""
        return any(params.getlist(name) != self.params.getlist(name) for name in (*REFERENCES, "mode", "sort", "space"))

    def _choices(self, name: str, choices: Any, default: Any) -> list[Choice]:
        asked = self.query.params().get(name) if self.query else self.params.get(name)
        return [
            Choice("" if choice is default else choice.value, str(choice.label), choice.value == (asked or default))
            for choice in choices
        ]

    def _problem(self, name: str, message: str) -> Problem:
        if name in self.filters.fields:
            label = str(self.filters.fields[name].label)
            field = self.filters[name]
            return Problem(label, message, (field.id_for_label or field.auto_id) if name in CONTROLS else "")
        if name in LABELS:
            return Problem(str(LABELS[name]), message, f"id_{name}" if name in ("q", "mode", "sort") else "")
        return Problem("", _("There is no filter named “%(name)s”.") % {"name": name}, "")


def filled(params: QueryDict) -> QueryDict:
    """Return the parameters without the empty ones, which forms send for what nobody filled in."""
    kept = QueryDict(mutable=True)
    for name, values in params.lists():
        if some := [value for value in values if value.strip()]:
            kept.setlist(name, some)
    return kept


def without_parts_left_alone(query: SearchQuery) -> SearchQuery:
    """Return the query, without what it is to avoid when nothing is left to look for."""
    return query if any(part.weight > 0 for part in query.parts) else replace(query, parts=())


def words_alone(query: SearchQuery) -> SearchQuery | None:
    """Return the same search by words, which needs no model; None when it has no words."""
    texts = tuple(query.of_kind(Kind.TEXT))
    worded = without_parts_left_alone(replace(query, parts=texts, mode=Mode.KEYWORD, space=""))
    return worded if worded.parts else None
