import json
import math

import pytest
from django.core.management import CommandError, call_command
from django.http import QueryDict

from assets.models import Tag
from search import vectors
from search.evaluation import Unusable, evaluate, ndcg_at, read_questions, recall_at, reciprocal_rank
from search.judgments import judge
from search.models import Embedding, EmbeddingModel
from search.query import Mode, SearchQuery


def test_recall_of_a_worked_example():
    # Relevant are 1, 3, 5 and 9; two of them are among the first three.
    ranking, relevant = [3, 4, 5, 6, 1], {1, 3, 5, 9}
    assert recall_at(3, ranking, relevant) == 0.5
    assert recall_at(5, ranking, relevant) == 0.75
    assert recall_at(10, ranking, relevant) == 0.75
    assert recall_at(10, [], relevant) == 0


def test_ndcg_of_a_worked_example():
    # Right at ranks 1, 3 and 4 of four right ones: DCG 1 + 1/2 + 1/log2(5), ideal 1 + 1/log2(3) + 1/2 + 1/log2(5).
    dcg = 1 + 0.5 + 1 / math.log2(5)
    ideal = 1 + 1 / math.log2(3) + 0.5 + 1 / math.log2(5)
    assert ndcg_at(10, [1, 8, 2, 3], {1, 2, 3, 4}) == pytest.approx(dcg / ideal)
    assert dcg / ideal == pytest.approx(0.7537, abs=1e-4)
    assert ndcg_at(10, [1, 2, 9], {1, 2}) == 1
    assert ndcg_at(10, [9, 8], {1}) == 0
    assert ndcg_at(2, [9, 1, 2], {1, 2}) == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))
    assert ndcg_at(10, list(range(20)), set(range(20))) == 1  # more are right than the ten that count


def test_mrr_of_a_worked_example():
    # The textbook's three queries: right at ranks 3, 2 and 1 make (1/3 + 1/2 + 1) / 3 = 11/18.
    ranks = [reciprocal_rank(ranking, {1}) for ranking in ([8, 9, 1], [9, 1, 8], [1, 8, 9])]
    assert sum(ranks) / 3 == pytest.approx(11 / 18)
    assert reciprocal_rank([8, 9], {1}) == 0


@pytest.fixture
def write(tmp_path):
    def lines(*entries):
        path = tmp_path / "queries.jsonl"
        path.write_text("\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries))
        return path

    return lines


@pytest.fixture
def library(make_asset, give_vector, monkeypatch):
    """Four assets on a line away from what “car” means; the words find the second alone."""
    monkeypatch.setattr(vectors, "text_vector", lambda text, model=None: vector([1, 0]))
    assets = [make_asset(title=title) for title in ("one", "car", "three", "four")]
    for asset, direction in zip(assets, ([1, 0.1], [1, 1], [0.1, 1], [-1, 1]), strict=True):
        give_vector(asset, direction)
    return [asset.pk for asset in assets]


def vector(values):
    import numpy as np

    array = np.zeros(8, dtype=np.float32)
    array[: len(values)] = values
    return array / np.linalg.norm(array)


def test_every_line_that_cannot_be_asked_is_named_and_nothing_is_asked(write, make_asset, capsys):
    pk = make_asset().pk
    path = write(
        {"query": "car", "relevant": [pk]},
        "{",
        "",
        {"query": "car", "relevant": [pk, 999]},
        {"query": "car", "relevant": "all"},
        {"query": "car", "filter": {"tag": "nothing"}},
        {"query": "car", "filter": {"q": "car"}},
        {"query": "car"},
        {"query": "car", "relevant": [pk], "langage": "en"},
        {"query": '"car"', "relevant": [pk]},
        {"query": "url:http://127.0.0.1/a.jpg", "relevant": [pk]},
        {"query": "-night", "relevant": [pk]},
        {"query": {"colour": "red"}, "relevant": [pk]},
        {"query": {"q": {"a": 1}}, "relevant": [pk]},
        {"query": f"like:{pk}", "relevant": [pk]},
        [1],
        "[" * 100_000,
    )
    with pytest.raises(CommandError) as refused:
        call_command("evaluate", str(path))
    told = str(refused.value).splitlines()
    expected = [
        (2, "is no JSON"), (4, "no asset 999"), (5, "list of ids"), (6, "nothing"), (7, "filters only"),
        (8, "either relevant"), (9, "unknown: langage"), (10, "nothing in it to rank by"),
        (11, "only texts and assets"), (12, "something to avoid"), (13, "colour: unknown parameter"),
        (14, "must be a text"), (15, "no asset of the library is relevant"), (16, "must be an object"),
        (17, "nested too deeply"),
    ]  # fmt: skip
    assert len(told) == len(expected)
    for line, (number, problem) in zip(told, expected, strict=True):
        assert line.startswith(f"{path}:{number}: ")
        assert problem in line
    assert not capsys.readouterr().out


def test_modes_and_languages_are_compared_over_the_same_questions(write, library, tmp_path, capsys):
    _one, car, three, four = library
    Tag.named("right").assets.add(car, three)
    path = write(
        {"query": "car", "relevant": [car], "language": "en"},
        {"query": {"like": str(four)}, "filter": {"tag": "right"}, "language": "zh"},
    )
    out = tmp_path / "numbers.json"
    call_command("evaluate", str(path), compare=True, k=[1, 2], json=out)
    rows = {(row["mode"], row["language"]): row for row in json.loads(out.read_text())}
    assert rows["semantic", "en"] | {"recall": None} == {
        "model": "test-space", "mode": "semantic", "language": "en", "queries": 1, "recall": None, "mrr": 0.5,
        "ndcg_10": round(1 / math.log2(3), 4),
    }  # fmt: skip
    assert rows["semantic", "en"]["recall"] == {"1": 0, "2": 1}
    assert rows["keyword", "en"]["mrr"] == 1
    assert rows["hybrid", "en"]["recall"] == {"1": 1, "2": 1}
    assert rows["semantic", "zh"]["recall"] == {"1": 0.5, "2": 1}  # the asset that is asked with does not count
    assert rows["keyword", "zh"]["mrr"] == 0
    assert rows["semantic", "all"]["mrr"] == 0.75
    table = capsys.readouterr().out
    assert "recall@2" in table
    assert "nDCG@10" in table


def test_models_are_compared(write, library, capsys):
    _one, car, *_ = library
    other = EmbeddingModel.objects.create(name="other-space", dimensions=8)
    for pk in library:
        Embedding.objects.create(
            asset_id=pk, model=other, state="ready", vector=vector([1, 0] if pk == car else [0, 1])
        )
    questions = read_questions(write({"query": "car", "relevant": [car]}))
    active = EmbeddingModel.objects.active()
    mrr = [evaluate(questions, model, Mode.SEMANTIC, [10])[0].mrr for model in (active, other)]
    assert mrr == [0.5, 1]
    with pytest.raises(CommandError, match=r"no such model; there are: .*other-space"):
        call_command("evaluate", str(write({"query": "car", "relevant": [car]})), model=["nothing"])


def test_judgments_are_asked_beside_a_file_or_instead_of_one(write, library, user, tmp_path):
    from assets.models import Asset

    with pytest.raises(CommandError, match="no query to ask"):
        call_command("evaluate", judgments=True)
    judge(SearchQuery.parse(QueryDict("q=car")), Asset.objects.get(pk=library[0]), user, True)
    out = tmp_path / "numbers.json"
    path = write({"query": "car", "relevant": [library[1]], "language": "en"})
    call_command("evaluate", str(path), judgments=True, mode="semantic", json=out)
    assert {row["language"]: row["mrr"] for row in json.loads(out.read_text())} == {"en": 0.5, "judged": 1, "all": 0.75}


@pytest.mark.parametrize(
    ("options", "problem"),
    [({}, "Name a file"), ({"k": [0]}, "from 1 to 1000"), ({"files": ["/nowhere/a.jsonl"]}, "cannot be read")],
)
def test_what_cannot_be_evaluated_is_refused(db, options, problem):
    with pytest.raises(CommandError, match=problem):
        call_command("evaluate", *options.pop("files", []), **options)


def test_an_asset_that_has_no_vector_is_named_with_its_line(write, small_space, make_asset):
    asked, right = make_asset(), make_asset()
    path = write({"query": f"like:{asked.pk}", "relevant": [right.pk]})
    with pytest.raises(Unusable, match=f"{path}:1: .*{asked.pk}"):
        evaluate(read_questions(path), small_space, Mode.HYBRID, [10])
