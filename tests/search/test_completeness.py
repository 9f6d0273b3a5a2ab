"""No filter costs a result: random filters, tags, pages and permissions, by plan and by index."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from assets.models import Asset, Collection, Kind, Tag
from search import ranking
from search.models import Embedding
from search.query import SearchQuery
from search.results import search

pytestmark = pytest.mark.django_db
ROWS = 1200


@pytest.fixture
def library(many_assets: Callable[..., list[Asset]]) -> list[Asset]:
    """1,200 assets in clusters, in tags and a collection of every size, one tag on a single cluster."""
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(12, 8))
    vectors = centres[np.arange(ROWS) % 12] + 0.3 * rng.normal(size=(ROWS, 8))
    assets = many_assets(vectors, lambda number: {"kind": Kind.VIDEO if number % 7 == 0 else Kind.IMAGE})
    parent = Tag.named("parent")
    for name, chosen in {
        "half": assets[::2], "tenth": assets[::10], "few": assets[::200], "cluster": assets[3::12], "none": [],
    }.items():  # fmt: skip
        tag = Tag.objects.create(name=name, parent=parent if name in {"tenth", "few"} else None)
        tag.assets.set(chosen)
    Collection.named("spring").assets.set(assets[::3])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return assets


def some_filters(rng: random.Random, ids: list[int]) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    for name in rng.sample(["tag", "tag__in", "collection", "kind", "id__gt", "id__lte", "id__in"], rng.randrange(4)):
        chosen[name] = {
            "tag": lambda: rng.sample(["half", "tenth", "few", "cluster", "none", "parent"], rng.choice([1, 1, 2])),
            "tag__in": lambda: rng.sample(["half", "tenth", "few", "cluster", "none"], 2),
            "collection": lambda: ["spring"],
            "kind": lambda: [rng.choice(["image", "video"])],
            "id__gt": lambda: [str(rng.choice(ids))],
            "id__lte": lambda: [str(rng.choice(ids))],
            "id__in": lambda: [",".join(map(str, rng.sample(ids, 30)))],
        }[name]()
    return chosen


@pytest.mark.parametrize("route", ["exact", "index"])
def test_every_page_is_full_and_every_match_is_on_exactly_one(library, user, settings, route):
    if route == "index":
        settings.DAM_EXACT_ROWS = 0
        with connection.cursor() as cursor:  # so few rows would otherwise be sorted
            cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off")
    rng = random.Random(7)
    ids = [asset.pk for asset in library]
    modes = set()
    for _attempt in range(60):
        filters = some_filters(rng, ids)
        params = QueryDict(mutable=True)
        params["like"] = str(rng.choice(ids))
        for name, values in filters.items():
            params.setlist(name, values)
        query = SearchQuery.parse(params)
        who: Any = rng.choice([user, user, user, AnonymousUser()])
        if who is not user:
            assert search(SearchQuery.parse(QueryDict("&".join(f"kind={v}" for v in ["image"]))), who)[0:10] == []
            continue
        matching = set(query.filtered(Asset.objects.all()).values_list("pk", flat=True))
        size = rng.choice([1, 7, 50, 200])
        seen: list[int] = []
        for start in range(0, min(len(matching), 6 * size) + 1, size):
            results = search(query, who)  # each page is a request of its own
            page = [asset.pk for asset in results[start : start + size]]
            assert len(page) == min(size, max(0, len(matching) - start)), (params.urlencode(), start)
            modes.add(results.info()["mode"])
            seen += page
        assert len(seen) == len(set(seen)), params.urlencode()
        assert set(seen) <= matching
    assert route in modes


def test_the_exact_ranking_is_brute_force(library, user):
    rng = random.Random(8)
    ids = [asset.pk for asset in library]
    stored = {
        pk: np.asarray(vector, dtype=np.float64) for pk, vector in Embedding.objects.values_list("asset_id", "vector")
    }
    for _attempt in range(30):
        params = QueryDict(mutable=True)
        like = rng.choice(ids)
        params["like"] = str(like)
        for name, values in some_filters(rng, ids).items():
            params.setlist(name, values)
        query = SearchQuery.parse(params)
        matching = query.filtered(Asset.objects.all()).values_list("pk", flat=True)
        expected = sorted(float(np.linalg.norm(stored[pk] - stored[like])) for pk in matching)
        found = search(query, user)[0:40]
        assert [asset.hit.distance for asset in found] == pytest.approx(expected[:40], abs=2e-3), params.urlencode()


def test_an_index_that_comes_back_short_is_not_believed(library, settings, monkeypatch):
    settings.DAM_EXACT_ROWS = 0
    monkeypatch.setattr(ranking, "_by_index", lambda *args: [])
    found = ranking.neighbours(Asset.objects.tagged("few"), np.ones(8), 50)
    assert (len(found.rows), found.mode) == (6, "exact")


def test_an_index_that_takes_too_long_is_given_up_and_the_transaction_goes_on(library, settings, monkeypatch):
    settings.DAM_EXACT_ROWS = 0
    monkeypatch.setattr(ranking, "PATIENCE", 1)
    monkeypatch.setattr(ranking, "PATIENCE_PER_THOUSAND", 0)
    slow = Asset.objects.extra(where=["pg_sleep(0.002) IS NOT NULL"]).tagged("few")
    found = ranking.neighbours(slow, np.ones(8), 50)
    assert (len(found.rows), found.mode) == (6, "exact")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "0"


def test_many_matching_rows_are_served_by_the_index_with_room_to_spare(library, settings):
    settings.DAM_EXACT_ROWS = 0
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off")
    with CaptureQueriesContext(connection) as queries:
        found = ranking.neighbours(Asset.objects.tagged("half"), np.ones(8), 300)
    said = " ".join(query["sql"] for query in queries)
    assert "SET LOCAL hnsw.iterative_scan = relaxed_order" in said
    assert "SET LOCAL statement_timeout" in said
    assert "hnsw.ef_search = 800" in said  # twice as many, because few rows match
    assert found.mode == "index"
    assert [distance for _pk, distance in found.rows] == sorted(distance for _pk, distance in found.rows)
    ranked = next(query["sql"] for query in reversed(queries) if "<->" in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + ranked)
        assert "embedding_hnsw" in " ".join(row[0] for row in cursor.fetchall())


def test_somebody_who_is_not_active_sees_nothing(library):
    gone = User.objects.create_user("gone", is_active=False)
    assert search(SearchQuery.parse(QueryDict("kind=image")), gone)[0:10] == []


def test_more_rows_are_compared_where_more_are_asked_for(small_space):
    small_space.exact_rows = 10_000
    thresholds = [ranking.exact_rows(small_space, count) for count in (10, 100, 200, 10_000)]
    assert thresholds[2] == 10_000
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < 5000 < 50_000 < thresholds[3]
