"""What narrows a search down beside its words, as chips: each takes itself away."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from django import forms
from django.db.models import Model
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from assets.models import Asset
from assets.querysets import AssetQuerySet
from search.language import Kind, Part
from search.page.asked import without_parts_left_alone
from search.page.pictures import thumbnail
from search.query import SearchQuery


class Chip(NamedTuple):
    """One part or filter that is in force, and the address of the same search without it."""

    label: str
    text: str
    url: str
    negative: bool = False
    asset: Asset | None = None
    picture: str = ""  # a data: URL


def address(query: SearchQuery) -> str:
    """Return a link to the first page of a query's results."""
    return link(query.params())


def link(params: QueryDict) -> str:
    return f"?{params.urlencode()}" if params else "."


def part_chips(query: SearchQuery, visible: AssetQuerySet) -> Iterator[Chip]:
    """Yield what the query is to be like; its texts stand in the box. ``visible`` are the assets it may name."""
    likes = visible.prefetch_related("renditions").in_bulk([int(part.value) for part in query.of_kind(Kind.LIKE)])
    for part in query.parts:
        if part.kind in (Kind.LIKE, Kind.PICTURE):
            yield Chip(
                label=_("Not like") if part.weight < 0 else _("Like"),
                text=_named(part, likes),
                url=address(without_parts_left_alone(query.replacing(part, None))),
                negative=part.weight < 0,
                asset=likes.get(int(part.value)) if part.kind is Kind.LIKE else None,
                picture=thumbnail(part.value) if part.kind is Kind.PICTURE else "",
            )


def space_chips(query: SearchQuery) -> Iterator[Chip]:
    """Yield the space that the query is to be answered in, if it names one."""
    if query.space:
        yield Chip(label=_("Space"), text=query.space, url=address(replace(query, space="")))


def filter_chips(query: SearchQuery, form: forms.Form) -> Iterator[Chip]:
    """Yield the filters in force; ``form`` has understood them."""
    for name, value in form.cleaned_data.items():
        if value in (None, "", []):
            continue
        several = isinstance(form.fields[name], forms.ModelMultipleChoiceField)
        for one in value if several else [value]:
            kept = (pair for pair in query.filters if pair[0] != name or (several and pair[1] != one.slug))
            yield Chip(
                label=str(form[name].label),
                text=_in_words(form.fields[name], one),
                url=address(replace(query, filters=tuple(kept))),
            )


def cleared(query: SearchQuery) -> str:
    """Return the address of the words alone."""
    texts = tuple(query.of_kind(Kind.TEXT))
    return address(without_parts_left_alone(replace(query, parts=texts, filters=())))


def title(query: SearchQuery, chips: Iterable[Chip]) -> str:
    """Return what the search is called: its words, else the first thing that it is to be like."""
    like = next((chip for chip in chips if chip.label == _("Like")), None)
    return query.text or (_("Like %(what)s") % {"what": like.text} if like else _("Search"))


def _named(part: Part, likes: dict[int, Asset]) -> str:
    name = str(likes.get(int(part.value), part.value)) if part.kind is Kind.LIKE else _("your picture")
    return name if abs(part.weight) == 1 else f"{name} × {abs(part.weight):g}"


def _in_words(field: forms.Field, value: Any) -> str:
    match value:
        case datetime():
            moment = localtime(value)
            return date_format(moment, "DATE_FORMAT" if moment.time() == moment.time().min else "DATETIME_FORMAT")
        case list():
            return ", ".join(map(str, value[:5])) + (" …" if len(value) > 5 else "")
        case Model():
            return str(value)
        case _:
            return str(dict(getattr(field, "choices", ())).get(value, value))
