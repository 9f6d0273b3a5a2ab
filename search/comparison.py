"""Two embedding models side by side: what each finds for the queries that people ask of this library."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from assets.querysets import AssetQuerySet
from search.encoders import Unsupported
from search.evaluation import DEPTH, Question, found, judged, recall_at, reciprocal_rank
from search.language import Kind
from search.models import EmbeddingModel, QueryVector, SavedSearch
from search.query import InvalidQuery, Mode, SearchQuery, Sort
from search.saved import query_of

K = 10
RECENT = 50


@dataclass(frozen=True)
class Side:
    """What one model found: recall@10 and the ranks of the assets known to be right (None: not among the first 100)."""

    first: list[int]
    recall: float | None
    ranks: dict[int, int | None]

    @property
    def best(self) -> int | None:
        return min((rank for rank in self.ranks.values() if rank), default=None)


@dataclass(frozen=True)
class Row:
    """One query. ``overlap`` is the share of the first ten that both found; ``problem`` says why there is no answer."""

    query: str
    origin: str
    overlap: float | None = None
    sides: tuple[Side, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Means:
    """Over the queries that were answered; recall and reciprocal rank over those whose right answers are known."""

    queries: int
    overlap: float | None
    judged: int
    recall: tuple[float | None, float | None]
    mrr: tuple[float | None, float | None]


@dataclass(frozen=True)
class Comparison:
    models: tuple[str, str]
    mode: str
    rows: list[Row]
    means: Means

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    models: tuple[EmbeddingModel, EmbeddingModel],
    questions: Iterable[Question],
    library: AssetQuerySet,
    mode: Mode = Mode.SEMANTIC,
) -> Comparison:
    """Ask both models every question, over ``library``: the assets that whoever asks may see.

    Raises ModelUnavailable. What one of them cannot be asked (an asset it has not embedded, say) is named in its row.
    """
    rows, reciprocals = [], []
    for question in questions:
        relevant = question.relevant & set(library.filter(pk__in=question.relevant).values_list("pk", flat=True))
        text = question.query.box or question.query.params().urlencode()
        try:
            rankings = [found(question.query, model, mode, DEPTH, library) for model in models]
        except (InvalidQuery, Unsupported) as error:
            rows.append(Row(text, question.place, problem=str(error)))
            continue
        sides = tuple(_side(ranking, relevant) for ranking in rankings)
        rows.append(Row(text, question.place, overlap(rankings[0], rankings[1]), sides))
        if relevant:
            reciprocals.append([reciprocal_rank(ranking, relevant) for ranking in rankings])
    return Comparison((models[0].name, models[1].name), mode.value, rows, _means(rows, reciprocals))


def overlap(one: Sequence[int], other: Sequence[int], k: int = K) -> float | None:
    """Return the share of the first ``k`` that two rankings have in common; None where neither has any."""
    longest = min(k, max(len(one), len(other)))
    return len(set(one[:k]) & set(other[:k])) / longest if longest else None


def questions(user: Any = None) -> list[Question]:
    """Return what may be asked: judged queries first, saved searches, then texts that were asked of late, each once.

    ``user`` limits them to what this user may see of others; None is a shell on the server.
    """

    def may(permission: str) -> bool:
        return user is None or user.has_perm(permission)

    judgments = judged() if may("search.view_judgment") else ()
    asked = [*(replace(question, place=_("judgments")) for question in judgments), *_saved(user)]
    if may("search.view_queryvector"):
        asked += _recent()
    known: dict[SearchQuery, Question] = {}
    for question in asked:
        query = replace(question.query, mode=Mode.HYBRID, sort=Sort.RELEVANCE)
        if query.parts and not query.of_kind(Kind.PICTURE) and not query.of_kind(Kind.URL):
            known.setdefault(query, replace(question, query=query))
    return list(known.values())


def _saved(user: Any) -> Iterable[Question]:
    rows = SavedSearch.objects.all() if user is None or user.is_superuser else SavedSearch.objects.visible_to(user)
    for row in rows:
        try:
            yield Question(query_of(row), frozenset(), "saved", _("saved search %s") % row)
        except InvalidQuery:  # a tag that it names is gone since
            continue


def _recent() -> Iterable[Question]:
    texts = QueryVector.objects.filter(model__state=EmbeddingModel.State.ACTIVE).order_by("-used_at")
    for text in texts.values_list("text", flat=True)[:RECENT]:
        params = QueryDict(mutable=True)
        params["q"] = text
        try:
            yield Question(SearchQuery.parse(params), frozenset(), "recent", _("asked of late"))
        except InvalidQuery:
            continue


def _side(ranking: list[int], relevant: set[int] | frozenset[int]) -> Side:
    places = {pk: rank for rank, pk in enumerate(ranking, start=1)}
    recall = recall_at(K, ranking, relevant) if relevant else None
    return Side(ranking[:K], recall, {pk: places.get(pk) for pk in sorted(relevant)})


def _means(rows: list[Row], reciprocals: list[list[float]]) -> Means:
    answered = [row for row in rows if not row.problem]
    known = [row.sides for row in answered if row.sides[0].ranks]
    one, other = ([sides[number].recall for sides in known] for number in (0, 1))
    return Means(
        len(answered),
        _mean(row.overlap for row in answered),
        len(known),
        (_mean(one), _mean(other)),
        (_mean(pair[0] for pair in reciprocals), _mean(pair[1] for pair in reciprocals)),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return round(sum(numbers) / len(numbers), 4) if numbers else None
