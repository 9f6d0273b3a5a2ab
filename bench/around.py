"""What surrounds a ranking: the endpoint, formatting, growth, edits beside vectors, bytes, index builds."""

import math
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench import growth, strategies
from bench.corpus import Corpus
from bench.naive import TABLE, hand_written_index, make_naive, page_of_50
from bench.table import Line

EDITED = 2000

Sides = tuple[float, float, float | None]  # ours, naive, limit


def rows(corpus: Corpus, quick: bool = False) -> Iterator[Line]:
    """Yield the lines of the second table."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        naive_build = make_naive(cursor, corpus)
    rounds = 1 if quick else 3
    yield from _endpoint(corpus.model.pk, 5 if quick else 10)
    yield _formatting(corpus)
    yield _edits(rounds + 2)
    yield _bytes(len(corpus.vectors))
    yield _builds(corpus, naive_build, 1 if quick else 2)
    if not quick:
        yield from _growth(corpus)


def _line(name: str, sides: Sides, ratio: float, goal: float, form: str = "{:.1f} ms") -> Line:
    ours, naive, limit = sides
    return Line(name, ours, ratio, goal, at_least=False, naive=naive, limit=limit, form=form)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def _endpoint(model_id: int, rounds: int) -> Iterator[Line]:
    """A page of 50 through the API, its query vector cached, and one statement that fetches the same fields."""
    from django.contrib.auth.models import User
    from django.test import Client
    from pgvector import HalfVector

    from demo.asked import load
    from search.vectors import text_vector

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get_or_create(username="bench")[0])
    texts = [query["query"] for query in load("en")[:20]]
    answers: list[Any] = []
    for mode in ("semantic", "hybrid"):
        ours, raw, naive = [], [], []
        for turn in range(rounds + 2):
            for text in texts[: 20 if rounds > 5 else 3]:
                vector = HalfVector(text_vector(text)).to_text()
                data = {"q": text, "mode": mode, "page_size": 50}
                taken = (
                    _timed(lambda data=data: answers.append(client.get("/api/v1/search/", data))),
                    _timed(lambda vector=vector: page_of_50(vector, model_id)),
                    _timed(lambda vector=vector: page_of_50(vector, model_id, strategies.STOCK.split("; "))),
                )
                if turn > 1:  # the first rounds warm up
                    for times, one in zip((ours, raw, naive), taken, strict=True):
                        times.append(one)
                _check(answers.pop())
        sides = tuple(map(statistics.median, (ours, naive, raw)))
        yield _line(f"GET search, page of 50, {mode} ÷ one SQL statement", sides, sides[0] / sides[2], 1.7)


def _check(response: Any) -> None:
    assert response.status_code == 200, response.content
    assert len(response.json()["results"]) == 50


def _formatting(corpus: Corpus) -> Line:
    """Writing the query vector into the statement, as a share of a ranking over the whole library."""
    from pgvector import HalfVector

    from assets.models import Asset
    from search import ranking

    whole, ours, naive = [], [], []
    for vector in corpus.queries["image"]:
        whole.append(_timed(lambda v=vector: ranking.neighbours(Asset.objects.all(), v, 10)))
        ours.append(_timed(lambda v=vector: ranking._distance(v, corpus.model)))
        naive.append(_timed(lambda v=vector: HalfVector(v).to_text()))
    share = [100 * statistics.median(times) / statistics.median(whole) for times in (ours, naive)]
    return _line(
        "query vector's formatting, share of a search", (share[0], share[1], None), share[0] / 100, 0.02, "{:.2f} %"
    )


def _edits(rounds: int) -> Line:
    """UPDATE of 2,000 assets' descriptions with all vectors there, without any, and in a table that has both."""
    from django.db import connection, transaction

    def update(table: str) -> float:
        with transaction.atomic():
            sql = f"UPDATE {table} SET description = description || '.' WHERE id % 7 = 0 AND id <= {7 * EDITED}"
            with connection.cursor() as cursor:
                taken = _timed(lambda: cursor.execute(sql))
            transaction.set_rollback(True)
        return taken

    times: dict[str, list[float]] = {"with": [], "without": [], "naive": []}
    for _ in range(rounds):
        times["with"].append(update("assets_asset"))
        times["naive"].append(update(TABLE))
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("TRUNCATE search_embedding")
            times["without"].append(update("assets_asset"))
            transaction.set_rollback(True)
    sides = tuple(statistics.median(times[name]) for name in ("with", "naive", "without"))
    return _line(f"UPDATE of {EDITED:,} assets with vectors ÷ without", sides, sides[0] / sides[2], 1.2)


def _bytes(count: int) -> Line:
    from django.db import connection

    from search.models import EmbeddingModel

    pk = EmbeddingModel.objects.active().pk
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_table_size('search_embedding') + pg_relation_size('embedding_hnsw_{pk}'),"
            f" pg_table_size('{TABLE}') + pg_relation_size('{TABLE}_hnsw')"
        )
        ours, naive = (size / count for size in cursor.fetchone())
    return _line("bytes per vector, heap + index ÷ stock", (ours, naive, None), ours / naive, 0.5, "{:.0f} B")


def _builds(corpus: Corpus, naive: float, rounds: int) -> Line:
    from django.db import connection

    model = corpus.model
    times: dict[str, list[float]] = {"ours": [], "hand": []}
    with connection.cursor() as cursor:
        for turn in range(rounds):
            for name in ("ours", "hand") if turn % 2 == 0 else ("hand", "ours"):
                cursor.execute(f"DROP INDEX embedding_hnsw_{model.pk}")
                work = model.create_index if name == "ours" else lambda: hand_written_index(cursor, model.pk)
                times[name].append(_timed(work) / 1000)
    sides = (statistics.median(times["ours"]), naive, statistics.median(times["hand"]))
    return _line("index build ÷ hand-written SQL build", sides, sides[0] / sides[2], 1.05, "{:.1f} s")


def _growth(corpus: Corpus) -> Iterator[Line]:
    large, few = growth.at_fixed_recall(corpus), len(corpus.vectors) // 10
    small = growth.of_another_size(few)
    for kind, goal in (("image", 0.3), ("text", 1.0)):
        grown = {name: math.log10(large[kind][name] / small[kind][name]) for name in ("ours", "naive", "limit")}
        name = f"growth {few:,} → {10 * few:,}, {kind}, ef {small[kind]['ef']} → {large[kind]['ef']}"
        yield _line(name, (grown["ours"], grown["naive"], grown["limit"]), grown["ours"], goal, "^{:.2f}")
