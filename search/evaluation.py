"""How well queries are answered, where somebody has said which assets are right.

The metrics are those of Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), chapter 8, over
rankings of ids without repetition and sets of relevant ids; an asset is relevant or not.
"""

import json
import logging
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from django.db.models import Count, Q
from django.http import QueryDict

from assets.models import Asset
from assets.querysets import AssetQuerySet
from search.language import Kind
from search.models import EmbeddingModel, Judgment
from search.query import REFERENCES, InvalidQuery, Mode, SearchQuery, Sort
from search.results import Results
from search.saved import read

logger = logging.getLogger(__name__)

KEYS = {"query", "relevant", "filter", "language"}
DEPTH = 100  # how far a first relevant result is looked for, at least


class Unusable(ValueError):
    """Questions that cannot be asked; the message has one line for each, with file and line number."""


@dataclass(frozen=True)
class Question:
    """A query, the ids of the assets that answer it, and where it was written down."""

    query: SearchQuery
    relevant: frozenset[int]
    language: str
    place: str


@dataclass(frozen=True)
class Scores:
    """Means over the questions of one language, or of all of them."""

    model: str
    mode: str
    language: str
    queries: int
    recall: dict[int, float]
    ndcg_10: float
    mrr: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def recall_at(k: int, ranking: Sequence[int], relevant: Collection[int]) -> float:
    """Return the share of the relevant that is among the first ``k``, from 0 to 1."""
    return len(set(ranking[:k]) & set(relevant)) / len(relevant)


def ndcg_at(k: int, ranking: Sequence[int], relevant: Collection[int]) -> float:
    """Return the normalised discounted cumulative gain of the first ``k``, from 0 to 1.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20 (2002): a relevant result
    at rank i gives 1 / log2(i + 1), and the sum is divided by that of the best possible ranking.
    """
    gained = sum(_gain(rank) for rank, pk in enumerate(ranking[:k], start=1) if pk in relevant)
    return gained / sum(_gain(rank) for rank in range(1, min(k, len(relevant)) + 1))


def reciprocal_rank(ranking: Sequence[int], relevant: Collection[int]) -> float:
    """Return 1 / the rank of the first relevant result, 0 without one; its mean is the MRR.

    Voorhees, "The TREC-8 Question Answering Track Report" (1999).
    """
    return next((1 / rank for rank, pk in enumerate(ranking, start=1) if pk in relevant), 0.0)


def _gain(rank: int) -> float:
    return 1 / math.log2(rank + 1)


def evaluate(questions: Sequence[Question], model: EmbeddingModel, mode: Mode, ks: Sequence[int]) -> list[Scores]:
    """Ask every question; return the scores of each language, and of all when there is more than one.

    Raises Unusable for a question that cannot be asked of this library, and what ``Results`` raises of models.
    """
    rankings = [_ranking(question, model, mode, max([*ks, DEPTH])) for question in questions]
    asked = list(zip(questions, rankings, strict=True))
    languages = sorted({question.language for question in questions})
    groups = {language: [pair for pair in asked if pair[0].language == language] for language in languages}
    if len(groups) > 1:
        groups["all"] = asked
    return [
        Scores(
            model.name,
            mode.value,
            language,
            len(group),
            {k: _mean(recall_at(k, ranking, question.relevant) for question, ranking in group) for k in ks},
            _mean(ndcg_at(10, ranking, question.relevant) for question, ranking in group),
            _mean(reciprocal_rank(ranking, question.relevant) for question, ranking in group),
        )
        for language, group in groups.items()
    ]


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return round(sum(numbers) / len(numbers), 4)


def _ranking(question: Question, model: EmbeddingModel, mode: Mode, depth: int) -> list[int]:
    try:
        return found(question.query, model, mode, depth, Asset.objects.all())
    except InvalidQuery as error:
        raise Unusable(f"{question.place}: {error}") from error


def found(query: SearchQuery, model: EmbeddingModel, mode: Mode, depth: int, library: AssetQuerySet) -> list[int]:
    """Return the ids that a query finds in the space of ``model``, best first, without the assets that it names.

    By words alone a picture finds nothing: that is an answer too, so that modes are compared over the same questions.
    Raises as ``Results`` does.
    """
    if mode is Mode.KEYWORD and any(query.of_kind(kind) for kind in REFERENCES):
        return []
    asked = replace(query, mode=mode, sort=Sort.RELEVANCE)
    results = Results(asked, library.exclude(pk__in=_named_in(query)), visible=library, model=model)
    return [pk for pk, _hit in results.hits[0:depth]]


def read_questions(path: Path) -> list[Question]:
    """Read a file of one JSON object a line; raise Unusable with every line that cannot be asked."""
    questions, problems = [], []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        place = f"{path}:{number}"
        if line.strip():
            try:
                questions.append(_question(json.loads(line), place))
            except json.JSONDecodeError as error:
                problems.append(f"{place}: is no JSON: {error}")
            except RecursionError:
                problems.append(f"{place}: is nested too deeply")
            except ValueError as error:
                problems.append(f"{place}: {error}")
    if problems:
        raise Unusable("\n".join(problems))
    return questions


def judged() -> Iterator[Question]:
    """The queries that people judged results of; right is what more of them called relevant than not."""
    votes = Judgment.objects.values("query", "asset_id").annotate(
        yes=Count("pk", filter=Q(relevant=True)), no=Count("pk", filter=Q(relevant=False))
    )
    right: dict[str, set[int]] = {}
    for vote in votes.order_by("query", "asset_id"):
        if vote["yes"] > vote["no"]:
            right.setdefault(vote["query"], set()).add(vote["asset_id"])
    for text, relevant in right.items():
        place = f"judgments of {text}"
        try:
            query = read(text)
        except InvalidQuery as error:  # a tag or an asset that it names is gone since
            logger.warning("%s are left out: %s", place, error)
            continue
        if others := relevant - _named_in(query):
            yield Question(query, frozenset(others), "judged", place)


def _question(entry: Any, place: str) -> Question:
    if not isinstance(entry, dict) or not entry.get("query"):
        raise ValueError('must be an object such as {"query": "red car", "relevant": [1, 2]}')
    if unknown := sorted(set(entry) - KEYS):
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(KEYS))}")
    if ("relevant" in entry) == ("filter" in entry):
        raise ValueError('needs either relevant (a list of ids) or filter (an object such as {"tag": "truck"})')
    language = entry.get("language", "–")
    if not isinstance(language, str):
        raise ValueError("language must be a text, such as en")
    asked = {"q": entry["query"]} if isinstance(entry["query"], str) else entry["query"]
    query = replace(SearchQuery.parse(_params("query", asked)), sort=Sort.RELEVANCE)
    if not query.parts:
        raise ValueError("query: there is nothing in it to rank by")
    if query.of_kind(Kind.PICTURE) or query.of_kind(Kind.URL):
        raise ValueError("query: only texts and assets of the library can be evaluated")
    relevant = _ids(entry["relevant"]) if "relevant" in entry else _kept(entry["filter"])
    if not (relevant := relevant - _named_in(query)):
        raise ValueError("no asset of the library is relevant")
    return Question(query, frozenset(relevant), language, place)


def _params(name: str, given: Any) -> QueryDict:
    params = QueryDict(mutable=True)
    if not isinstance(given, dict):
        raise ValueError(f'{name}: must be an object such as {{"tag": "truck"}}')
    for key, values in given.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise ValueError(f"{name}: {key} must be a text, a number, or a list of these")
            params.appendlist(key, str(value))
    return params


def _ids(given: Any) -> set[int]:
    if not isinstance(given, list) or not all(type(pk) is int and 0 < pk < 2**63 for pk in given):
        raise ValueError("relevant: must be a list of ids")
    there = set(Asset.objects.filter(pk__in=given).values_list("pk", flat=True))
    if missing := sorted(set(given) - there):
        raise ValueError(f"relevant: there is no asset {', '.join(map(str, missing[:10]))}")
    return there


def _kept(given: Any) -> set[int]:
    query = SearchQuery.parse(_params("filter", given))
    if not query.filters or query.parts or query.phrases:
        raise ValueError('filter: must have filters only, such as {"tag": "truck"}')
    return set(query.filtered(Asset.objects.all()).values_list("pk", flat=True))


def _named_in(query: SearchQuery) -> set[int]:
    return {int(part.value) for part in query.of_kind(Kind.LIKE)}
