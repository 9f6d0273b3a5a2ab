"""What may be asked of the library: one query for the page, the API, the admin and the command line.

A query is a weighted sum of parts (texts, assets, pictures), phrases that must or must not be in an asset's texts, a
mode, an order, and the ordinary filters. It is read from parameters, and written as parameters again.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.db import models
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from assets.filters import AssetFilterSet, SlugsFilter
from assets.models import Asset
from assets.querysets import AssetQuerySet
from search.language import (
    LARGEST,
    MOST_TYPED,
    SMALLEST,
    BadPart,
    Kind,
    Part,
    Phrase,
    merged,
    parse,
    reference_to,
    write,
)

MOST_PARTS = 16
MOST_URLS = 2
MOST_VALUES = 100
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
REFERENCES = (Kind.LIKE, Kind.PICTURE, Kind.URL)
# As the box can hold it; of any other name an ending can be given.
_SPACE = re.compile(r'[^\s()"“”]{1,255}')


class InvalidQuery(ValueError):
    """What is wrong with a query: ``errors`` maps a parameter to messages."""

    def __init__(self, errors: Mapping[str, Iterable[Any]]) -> None:
        self.errors = {name: [str(message) for message in messages] for name, messages in errors.items()}
        super().__init__("; ".join(f"{name}: {' '.join(messages)}" for name, messages in self.errors.items()))

    @property
    def all_messages(self) -> list[str]:
        return [message for messages in self.errors.values() for message in messages]


class Mode(models.TextChoices):
    HYBRID = "hybrid", _("Pictures and words")
    SEMANTIC = "semantic", _("Pictures")
    KEYWORD = "keyword", _("Words")


class Sort(models.TextChoices):
    RELEVANCE = "relevance", _("Best first")
    NEWEST = "-created_at", _("Newest first")
    OLDEST = "created_at", _("Oldest first")
    LATEST_TAKEN = "-taken_at", _("Last taken first")
    FIRST_TAKEN = "taken_at", _("First taken first")
    TITLE = "title", _("Title")
    TITLE_BACKWARDS = "-title", _("Title, backwards")
    SMALLEST = "size", _("Smallest file first")
    LARGEST = "-size", _("Largest file first")


@dataclass(frozen=True)
class SearchQuery:
    """One query; two that mean the same are written the same."""

    parts: tuple[Part, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    mode: Mode = Mode.HYBRID
    sort: Sort = Sort.RELEVANCE
    filters: tuple[tuple[str, str], ...] = ()
    space: str = ""

    PARAMETERS = ("q", *map(str, REFERENCES), "mode", "sort", "space", *AssetFilterSet.base_filters)

    @classmethod
    def parse(cls, params: QueryDict) -> "SearchQuery":
        """Read a query from parameters, all of which must be its own; raise InvalidQuery with every mistake."""
        reader = _Reader(params)
        query = cls(
            parts=tuple(reader.parts),
            phrases=tuple(dict.fromkeys(reader.phrases)),
            mode=reader.setting("mode", Mode, Mode.HYBRID),
            sort=reader.setting("sort", Sort, Sort.RELEVANCE),
            filters=tuple(sorted(reader.filters())),
            space=reader.space(),
        )
        reader.refuse_mistakes(query)
        return query

    def params(self) -> QueryDict:
        """Return the parameters that ``parse`` reads as this query."""
        params = QueryDict(mutable=True)
        if box := self.text:
            params["q"] = box
        for kind in REFERENCES:
            for part in self.of_kind(kind):
                params.appendlist(kind, str(part).replace(f"{kind}:", "", 1))
        if self.mode is not Mode.HYBRID:
            params["mode"] = self.mode.value
        if self.sort is not Sort.RELEVANCE:
            params["sort"] = self.sort.value
        if self.space:
            params["space"] = self.space
        for name, value in self.filters:
            params.appendlist(name, value)
        return params

    @property
    def text(self) -> str:
        """What stands in the box: texts and phrases."""
        return write(self.of_kind(Kind.TEXT), self.phrases)

    @property
    def box(self) -> str:
        """Everything but the filters in the language of the box, for a box that has nothing beside it."""
        mode = f" mode:{self.mode}" if self.mode is not Mode.HYBRID else ""
        sort = f" sort:{self.sort}" if self.sort is not Sort.RELEVANCE else ""
        space = f" space:{self.space}" if self.space else ""
        return write(self.parts, self.phrases) + mode + sort + space

    @property
    def words(self) -> list[str]:
        """The texts to be found among the assets' words."""
        return [part.value for part in self.of_kind(Kind.TEXT) if part.weight > 0]

    @property
    def avoided_words(self) -> list[str]:
        return [part.value for part in self.of_kind(Kind.TEXT) if part.weight < 0]

    def of_kind(self, kind: Kind) -> list[Part]:
        return [part for part in self.parts if part.kind is kind]

    def replacing(self, old: Part, new: Part | None) -> "SearchQuery":
        """Return this query with one part put in the place of another, or without it."""
        parts = (new if part == old else part for part in self.parts)
        return replace(self, parts=tuple(part for part in parts if part is not None))

    def filtered(self, assets: AssetQuerySet) -> AssetQuerySet:
        """Return those of ``assets`` that the filters keep; raise InvalidQuery."""
        if not self.filters:
            return assets
        params = QueryDict(mutable=True)
        for name, value in self.filters:
            params.appendlist(name, value)
        filters = AssetFilterSet(params, queryset=assets)
        if not filters.form.is_valid():
            raise InvalidQuery(filters.form.errors)
        return filters.qs

    def __bool__(self) -> bool:
        """Whether it asks for anything but the library in an order."""
        return bool(self.parts or self.phrases or self.filters)


class _Reader:
    """Reads parameters and collects what is wrong with them."""

    def __init__(self, params: QueryDict) -> None:
        self.errors: dict[str, list[Any]] = {}
        self.params = self._readable(params)
        params = self.params
        self.phrases: list[Phrase] = []
        self.settings: dict[str, str] = {}
        parts: list[Part] = []
        if sum(map(len, boxes := params.getlist("q"))) > MOST_TYPED:
            self.errors["q"], boxes = [gettext("At most %d characters.") % MOST_TYPED], []
        for box in boxes:
            parts += self._read_box(box)
        for kind in REFERENCES:
            for text in params.getlist(kind):
                with self._mistakes_of(kind):
                    parts.append(reference_to(kind, text))
        self.parts = merged(parts)

    def _readable(self, params: QueryDict) -> QueryDict:
        """Return the parameters that can be read at all; what a database has no text for is refused here."""
        kept = QueryDict(mutable=True)
        for name, values in params.lists():
            if len(values) > MOST_VALUES:
                self.errors[name] = [gettext("At most %d values.") % MOST_VALUES]
            elif _UNREADABLE.search("".join([name, *values])):
                self.errors[_UNREADABLE.sub("?", name)] = [gettext("This has characters that are no text.")]
            else:
                kept.setlist(name, values)
        return kept

    def _read_box(self, text: str) -> list[Part]:
        with self._mistakes_of("q"):
            box = parse(text)
            self.phrases += box.phrases
            self.settings |= box.settings
            return box.parts
        return []

    def setting(self, name: str, choices: Any, default: Any) -> Any:
        value = self.params.get(name) or self.settings.get(name) or default
        if value not in choices.values:
            self.errors[name] = [
                gettext("“%(value)s” is none of %(choices)s.")
                % {"value": value[:40], "choices": ", ".join(choices.values)}
            ]
            return default
        return choices(value)

    def space(self) -> str:
        """Return the name of the space that is to answer; whether there is one, the library knows (``spaces``)."""
        name = (self.params.get("space") or self.settings.get("space") or "").strip()
        if name and not _SPACE.fullmatch(name):
            self._refuse("space", gettext("“%s” is no name of a space.") % name[:40])
            return ""
        return name

    def filters(self) -> Iterable[tuple[str, str]]:
        for name, values in self.params.lists():
            if name in AssetFilterSet.base_filters:
                filled = [value for value in dict.fromkeys(values) if value.strip()]
                if len(filled) > 1 and not isinstance(AssetFilterSet.base_filters[name], SlugsFilter):
                    self.errors[name] = [gettext("Give this filter once.")]
                yield from ((name, value) for value in filled)
            elif name not in SearchQuery.PARAMETERS:
                self.errors[name] = ["unknown parameter"]

    def refuse_mistakes(self, query: SearchQuery) -> None:
        if len(query.parts) + len(query.phrases) > MOST_PARTS:
            self._refuse("q", gettext("A query has at most %d parts.") % MOST_PARTS)
        if any(not SMALLEST <= abs(part.weight) <= LARGEST for part in query.parts):
            self._refuse("q", gettext("Weights added up must be from 0.001 to 100."))
        if len(query.of_kind(Kind.URL)) > MOST_URLS:
            self._refuse("url", gettext("At most %d pictures on the web.") % MOST_URLS)
        if query.parts and not any(part.weight > 0 for part in query.parts):
            self._refuse("q", gettext("There is only something to avoid. Add something to look for, or use a filter."))
        if query.mode is Mode.KEYWORD and len(query.of_kind(Kind.TEXT)) < len(query.parts):
            self._refuse("mode", gettext("By words alone no picture can be searched with."))
        if query.mode is Mode.KEYWORD and query.space:
            self._refuse("space", gettext("By words alone no space is asked."))
        try:
            query.filtered(Asset.objects.none())
        except InvalidQuery as error:
            self.errors |= error.errors
        if self.errors:
            raise InvalidQuery(self.errors)

    @contextmanager
    def _mistakes_of(self, name: str) -> Iterator[None]:
        try:
            yield
        except BadPart as error:
            self._refuse(name, str(error))

    def _refuse(self, name: str, message: str) -> None:
        self.errors.setdefault(name, []).append(message)
