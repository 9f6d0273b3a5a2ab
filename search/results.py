"""The answer to a query: ranked assets, cut into matches and weaker matches, each with the reason why it is there."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Lower, NullIf
from django.utils.translation import gettext as _

from assets.models import Asset
from assets.paginator import DEEPEST, RankingPaginator
from assets.querysets import AssetQuerySet
from search import fulltext, query_pictures, ranking, spaces, vectors
from search.fusion import WINDOW, Ranked, fuse
from search.hits import Hit, segments_of
from search.language import Kind, Part
from search.models import EmbeddingModel
from search.query import InvalidQuery, Mode, SearchQuery, Sort
from search.relevance import Relevance, relevance

# How many of the nearest are asked for at first where no words take part: a page.
FIRST = 60


def search(
    query: SearchQuery, user: Any, among: AssetQuerySet | None = None, ordering: Sequence[Any] | None = None
) -> "Results":
    """Answer a query for a user, from what this user may see, or from ``among`` these visible assets.

    ``ordering`` (as for ``order_by``) takes the place of the query's own sort.

    Pictures on the web are fetched first, for those who have signed in; the query of the results then names them as
    pictures. Raises as ``Results`` does.
    """
    if query.of_kind(Kind.URL) and not user.is_authenticated:
        raise InvalidQuery({"url": [_("Sign in to search with a picture from the web.")]})
    visible = Asset.objects.visible_to(user)
    return Results(fetched(query), visible if among is None else among, visible=visible, ordering=ordering)


def fetched(query: SearchQuery) -> SearchQuery:
    """Return the query with its pictures on the web fetched, and named as the pictures that are kept of them."""
    for part in query.of_kind(Kind.URL):
        try:
            token = query_pictures.keep_url(part.value)
        except query_pictures.UnusablePicture as error:
            raise InvalidQuery({"url": [str(error)]}) from error
        query = query.replacing(part, Part(Kind.PICTURE, token, part.weight))
    return query


class Results:
    """What a query finds among ``assets``: a sequence of assets, each with its ``hit``, that is read in slices.

    Each asset has the ``segment`` that it was found by as well, None where that was the whole.

    ``visible`` is where an asset that is asked for by its id may come from. Raises InvalidQuery for a query that cannot
    be answered, NoActiveModel and ModelUnavailable where there is nothing to compare with.
    """

    def __init__(
        self,
        query: SearchQuery,
        assets: AssetQuerySet,
        *,
        visible: AssetQuerySet,
        ordering: Sequence[Any] | None = None,
        model: EmbeddingModel | None = None,
    ) -> None:
        self._started = time.perf_counter()
        self.query = query
        self._assets = _phrased(query.filtered(assets), query)
        self._visible = visible
        self._ordering = ordering or (None if query.sort is Sort.RELEVANCE and query.parts else _order(query.sort))
        self._near: ranking.Neighbours | None = None
        self._asked_for = 0
        self._segments: dict[int, int] = {}
        self.model: EmbeddingModel | None = None
        self._descriptions: EmbeddingModel | None = None
        self._relevance: Relevance | None = None
        # A space that is named answers alone: no words, no other space.
        named = spaces.named(query) if query.space and model is None else None
        self._by_words = query.mode is not Mode.SEMANTIC and named is None
        model = model or named
        if query.parts and query.mode is not Mode.KEYWORD:
            self.model, self._descriptions = (model, None) if model else spaces.active()
            parts = [(part.weight, *vectors.of_part(part, visible, self.model)) for part in query.parts]
            self._vector = vectors.composed(parts)
            self._relevance = relevance(parts, self.model)

    @property
    def ranked(self) -> bool:
        """Whether relevance decides the order; the other orders are of matches, or of all that the filters keep."""
        return self._ordering is None

    def paginator(self, per_page: int, rows: Any = None) -> Paginator:
        """Pages of these results, or of ``rows`` of them (``hits``)."""
        return (RankingPaginator if self.ranked else Paginator)(self if rows is None else rows, per_page)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._match_distances) if self.query.parts else self._assets.count()

    def __getitem__(self, rows: slice) -> list[Asset]:
        hits = self.hits[rows]
        found = self._visible.for_display().in_bulk([pk for pk, _hit in hits])
        segments = segments_of(hits)
        assets: list[Any] = []
        for pk, hit in hits:
            if asset := found.get(pk):  # it may have been deleted since
                asset.hit, asset.distance, asset.segment = hit, hit.distance, segments.get(pk)
                assets.append(asset)
        return assets

    @property
    def hits(self) -> "Hits":
        """The same as ids and hits, for who reads the rows in a way of their own."""
        return Hits(self)

    @cached_property
    def matches(self) -> AssetQuerySet:
        """The matches as a queryset, the nearest ``DEEPEST`` of them; without a ranking all that the filters keep."""
        return self._visible.filter(pk__in=self._match_distances) if self.query.parts else self._assets

    def total(self) -> int:
        """How many results one may page through: matches and weaker matches, at most ``DEEPEST``."""
        if not self.ranked:
            return len(self)
        worded = {*self._worded, *self._named, *self._described.distances}
        if self.model is None:
            return len(worded)
        embedded = ranking.embedded(self._assets, self.model)
        if worded:
            worded -= set(embedded.filter(pk__in=worded).values_list("pk", flat=True))
        return min(DEEPEST, embedded.order_by()[:DEEPEST].count() + len(worded))

    def info(self) -> dict[str, Any]:
        """Return how the answer was found: exact or by index, by which model, among how many rows, in how long."""
        near = self._near
        return {
            "mode": near.mode if near else "text" if self.query.parts else "filter",
            "model": self.model.label if self.model else None,
            "descriptions": self._descriptions.label if self._descriptions and self._described.took_part else None,
            "candidates": len(near.rows) if near else None,
            "planned_rows": near.planned if near else None,
            "took_ms": round((time.perf_counter() - self._started) * 1000, 1),
        }

    def _places(self, start: int, stop: int) -> list[Ranked]:
        if self._ordering is None:
            return self._ranking(stop)[start:stop]
        ordered = self.matches.order_by(*self._ordering).values_list("pk", flat=True)[start:stop]
        distances = self._match_distances if self.query.parts else {}
        return [Ranked(pk, distances.get(pk), match=True) for pk in ordered]

    def _ranking(self, depth: int) -> list[Ranked]:
        """The ranking, of which the first ``depth`` are in their final places."""
        worded, named, described = self._worded, self._named, self._described
        texts = [part.weight for part in self.query.of_kind(Kind.TEXT)]
        if self.model is None:
            return fuse([], worded, named, None, all_near=True).ranking
        first = WINDOW if worded or named or described.distances else FIRST
        weight = max(texts, default=0.0) / max(part.weight for part in self.query.parts)
        while True:
            near = self._nearest(depth, first)
            all_near = len(near) < self._asked_for or self._asked_for > DEEPEST
            ranking, settled = fuse(
                near,
                worded,
                named,
                self._farthest,
                all_near=all_near,
                words_weigh=weight,
                described=list(described.distances),
                described_match=bool(described.relevance),
            )
            if settled >= depth or all_near:
                return ranking
            depth = self._asked_for + 1

    def _nearest(self, depth: int, first: int = WINDOW) -> list[tuple[int, float]]:
        """The nearest, as many as ``depth`` or more.

        An index finds others when it is asked for more. So it is asked in fixed steps, and each step only adds to the
        one before: what stood on a page comes on no later page again.
        """
        if self._near is None:
            self._near, self._asked_for = self._neighbours(self._assets, first), first
        while self._asked_for < depth and len(self._near.rows) >= self._asked_for:
            self._asked_for *= 2
            more = self._neighbours(self._assets, self._asked_for)
            known = {pk for pk, _distance in self._near.rows}
            rows = [*self._near.rows, *(row for row in more.rows if row[0] not in known)]
            self._near = more._replace(rows=rows[: self._asked_for])
        return self._near.rows

    def _neighbours(self, assets: AssetQuerySet, count: int) -> ranking.Neighbours:
        found = ranking.neighbours(assets, self._vector, count, self.model)
        self._segments = found.segments | self._segments
        return found

    @cached_property
    def _match_distances(self) -> dict[int, float | None]:
        """The matches, each with its distance where it has one."""
        found: dict[int, float | None] = {}
        if self.model is not None:
            depth = WINDOW
            while True:
                near = self._nearest(depth)
                reached = len(near) < depth or (self._farthest is not None and near[-1][1] > self._farthest)
                if reached or depth >= DEEPEST:
                    break
                depth = min(2 * depth, DEEPEST)
            found |= {pk: distance for pk, distance in near if self._farthest is None or distance <= self._farthest}
        described = self._described.distances if self._farthest is None else self._described.matches
        for pk in [*self._named, *self._worded, *described]:
            found.setdefault(pk, None)
        return found

    @property
    def _farthest(self) -> float | None:
        return self._relevance.farthest if self._relevance else None

    @cached_property
    def _worded(self) -> list[int]:
        """The assets that have the words of the query and none of the avoided ones, best first."""
        words, avoided = self.query.words, self.query.avoided_words
        asked = words and self._by_words
        found = fulltext.matching(self._assets, words, avoided) if asked else None
        if found is None:
            return []
        return list(found.order_by("-text_rank", "pk").values_list("pk", flat=True)[:DEEPEST])

    @cached_property
    def _named(self) -> list[int]:
        if len(self.query.words) != 1 or not self._by_words:
            return []
        named = fulltext.exactly_named(self._assets, self.query.words[0])
        return list(named.order_by("-pk").values_list("pk", flat=True)[:DEEPEST])

    @property
    def _texts_are_described(self) -> bool:
        """Whether the query looks for a text among words and descriptions."""
        return self._by_words and bool(self.query.words)

    @cached_property
    def _described(self) -> spaces.Opinion:
        """What the space of descriptions says to the texts of the query."""
        if self._descriptions is None or not self._texts_are_described:
            return spaces.NONE
        return spaces.opinion(self._descriptions, self.query.of_kind(Kind.TEXT), self._assets)

    def _hits(self, start: int, stop: int) -> list[tuple[int, Hit]]:
        places = self._places(start, stop)
        distances = self._measured(places)
        worded = {place.pk for place in places}.intersection(self._worded)
        reasons = fulltext.reasons(sorted(worded), self.query.words) if worded else {}
        named = set(self._named)
        return [
            (place.pk, self._hit(place, distances.get(place.pk), reasons.get(place.pk, []), named=place.pk in named))
            for place in places
        ]

    def _measured(self, places: list[Ranked]) -> dict[int, float]:
        """Distances, also of what was found by its words alone."""
        known = {place.pk: place.distance for place in places if place.distance is not None}
        unknown = [place.pk for place in places if place.distance is None]
        if self.model is not None and unknown:
            known |= dict(self._neighbours(Asset.objects.filter(pk__in=unknown), len(unknown)).rows)
        return known

    def _hit(self, place: Ranked, distance: float | None, words: list[dict[str, Any]], *, named: bool) -> Hit:
        why = [{"signal": "name"}, *words] if named else [*words]
        shares: dict[str, float] = {}
        for embeds, far, worth in (
            (self.model.embeds if self.model else "", distance, self._relevance),
            ("description", self._described.distances.get(place.pk), self._described.relevance),
        ):
            if far is not None:
                why.append({"signal": embeds, "similarity": round(ranking.similarity(far), 4)})
                shares |= {embeds: worth.of(far)} if worth else {}
        segment = self._segments.get(place.pk, 0)
        return Hit(place.match, distance, max(shares.values(), default=None), why, segment, shares)


class Hits:
    """A sequence of (asset id, hit), read in slices."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def __len__(self) -> int:
        return len(self._results)

    def __getitem__(self, rows: slice) -> list[tuple[int, Hit]]:
        start, stop = rows.start or 0, min(rows.stop or DEEPEST, DEEPEST + 1)
        return self._results._hits(start, stop)


def _phrased(assets: AssetQuerySet, query: SearchQuery) -> AssetQuerySet:
    """Keep what has the phrases, and not the excluded ones."""
    try:
        for phrase in query.phrases:
            keep = fulltext.not_containing if phrase.excluded else fulltext.containing
            assets = keep(assets, phrase.text)
    except ValueError as error:
        raise InvalidQuery({"q": [str(error)]}) from error
    return assets


def _order(sort: Sort) -> list[Any]:
    if sort is Sort.RELEVANCE:
        return ["-pk"]
    field, descending = sort.value.lstrip("-"), sort.value.startswith("-")
    expression = Lower(Coalesce(NullIf("title", Value("")), "filename")) if field == "title" else F(field)
    ordering = expression.desc(nulls_last=True) if descending else expression.asc(nulls_last=True)
    return [ordering, "-pk" if descending else "pk"]
