"""An asset with segments comes once in a result, by the segment that is nearest, on every route and page."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from assets.ledger import State
from assets.models import Asset, Segment, Tag
from search import ranking, recall, vectors
from search.models import Embedding, EmbeddingModel
from search.query import SearchQuery
from search.results import search
from tests.conftest import DIMENSIONS

pytestmark = pytest.mark.django_db
ASSETS, FRAMES = 300, 30


def unit(vectors: np.ndarray) -> np.ndarray:
    rounded = np.float16(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return rounded / np.linalg.norm(rounded, axis=-1, keepdims=True)


def give_segments(asset: Asset, model: EmbeddingModel, vectors: np.ndarray, first: int = 1) -> None:
    numbers = range(first, first + len(vectors))
    Segment.objects.bulk_create(
        Segment(asset=asset, number=n, kind=Segment.Kind.FRAME, milliseconds=1000 * n) for n in numbers
    )
    Embedding.objects.bulk_create(
        Embedding(asset=asset, model=model, segment=n, vector=vector, state=State.READY)
        for n, vector in zip(numbers, vectors, strict=True)
    )


def use_index() -> None:
    with connection.cursor() as cursor:  # so few rows would otherwise be sorted
        cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off")


@pytest.fixture
def library(many_assets: Callable[..., list[Asset]], small_space: EmbeddingModel) -> list[Asset]:
    """300 assets; every tenth has 30 frames that are nearly alike, somewhere else than the whole."""
    rng = np.random.default_rng(5)
    assets = many_assets(unit(rng.normal(size=(ASSETS, DIMENSIONS))))
    for asset in assets[::10]:
        centre = rng.normal(size=DIMENSIONS)
        give_segments(asset, small_space, unit(centre + 0.05 * rng.normal(size=(FRAMES, DIMENSIONS))))
    Tag.named("half").assets.set(assets[::2])
    Tag.named("films").assets.set(assets[::10])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return assets


def brute_force(assets: Any, query: np.ndarray) -> list[tuple[int, float, int]]:
    """Rank with NumPy: (asset id, distance, segment) of the nearest vector of each."""
    best: dict[int, tuple[float, int]] = {}
    rows = Embedding.objects.filter(asset__in=assets).values_list("asset_id", "segment", "vector")
    for pk, segment, vector in rows:
        distance = float(np.linalg.norm(np.array(vector) - query.astype(np.float64)))
        best[pk] = min(best.get(pk, (9.0, 0)), (distance, segment))
    return [(pk, *found) for pk, found in sorted(best.items(), key=lambda item: item[1])]


@pytest.mark.parametrize("route", ["exact", "index"])
@pytest.mark.parametrize("tag", [None, "half", "films"])
@pytest.mark.parametrize("count", [1, 20, 120, 1000])
def test_each_asset_comes_once_by_its_nearest_segment(library, settings, route, tag, count):
    if route == "index":
        settings.DAM_EXACT_ROWS = 0
        use_index()
    assets = Asset.objects.tagged(tag) if tag else Asset.objects.all()
    rng = np.random.default_rng(6)
    frames = Embedding.objects.filter(segment__gt=0)
    queries = [*rng.normal(size=(3, DIMENSIONS)), np.array(frames[40].vector), np.array(frames[400].vector)]
    modes = set()
    for query in map(unit, queries):
        expected = brute_force(assets, query)
        found = ranking.neighbours(assets, query, count)
        modes.add(found.mode)
        assert len(found.rows) == min(count, len(expected))
        assert len({pk for pk, _distance in found.rows}) == len(found.rows)
        distances = [distance for _pk, distance in found.rows]
        assert distances == sorted(distances)
        assert distances == pytest.approx([distance for _pk, distance, _n in expected[:count]], abs=1e-3)
        by_asset = {pk: segment for pk, _distance, segment in expected}
        given = {pk: found.segments.get(pk, 0) for pk, _distance in found.rows}
        same = sum(given[pk] == by_asset[pk] for pk in given)
        assert same >= 0.97 * len(given)  # frames this much alike may change places in 16 bits
        assert all(bool(given[pk]) == bool(by_asset[pk]) for pk in given)
    if route == "exact":
        assert modes == {"exact"}
    elif count <= 120 and tag is None:
        assert "index" in modes


def test_an_asset_whose_frames_fill_the_first_page_takes_one_place(library, small_space):
    query = unit(np.ones(DIMENSIONS))
    give_segments(library[1], small_space, unit(query + 0.001 * np.random.default_rng(1).normal(size=(200, 8))))
    found = ranking.neighbours(Asset.objects.all(), query, 50)
    assert len(found.rows) == 50
    assert found.rows[0][0] == library[1].pk
    assert [pk for pk, _distance in found.rows].count(library[1].pk) == 1


def test_a_ranking_of_what_has_no_segments_takes_the_statements_that_it_took(library):
    films = Tag.named("films").assets.values("pk")
    plain = Asset.objects.exclude(pk__in=films)
    with CaptureQueriesContext(connection) as queries:
        found = ranking.neighbours(plain, unit(np.ones(DIMENSIONS)), 20)
    assert len(queries) == 3  # the model, the plan, the ranking
    assert found.segments == {}


def test_the_index_serves_a_ranking_with_segments(library, settings):
    settings.DAM_EXACT_ROWS = 0
    use_index()
    with CaptureQueriesContext(connection) as queries:
        found = ranking.neighbours(Asset.objects.all(), unit(np.ones(DIMENSIONS)), 20)
    assert found.mode == "index"
    ranked = next(query["sql"] for query in reversed(queries) if "<->" in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + ranked)
        assert "embedding_hnsw" in " ".join(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize("route", ["exact", "index"])
def test_every_asset_is_on_exactly_one_page(library, user, settings, route):
    if route == "index":
        settings.DAM_EXACT_ROWS = 0
        use_index()
    rng = random.Random(4)
    for like in rng.sample(library, 4):
        for size in (7, 50):
            query = SearchQuery.parse(QueryDict(f"like={like.pk}&tag=half"))
            pages = [search(query, user)[start : start + size] for start in range(0, 150, size)]
            assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
            seen = [asset.pk for page in pages for asset in page]
            assert len(seen) == len(set(seen)) == 150


def test_hits_name_the_segment_and_the_whole_is_none(library, user, small_space):
    asked, asset = library[1], library[3]
    give_segments(asset, small_space, unit(vectors.asset_vector(asked))[None])
    first, second = search(SearchQuery.parse(QueryDict(f"like={asked.pk}")), user)[0:2]
    assert (first, first.hit.segment, first.segment) == (asked, 0, None)
    assert (second, second.hit.segment, second.segment.label) == (asset, 1, "0:01")
    assert second.hit.distance < 0.01


def test_an_asset_is_compared_with_by_its_whole(library, user, small_space):
    asked = library[1]
    give_segments(asked, small_space, unit(vectors.asset_vector(library[3]))[None])
    found = search(SearchQuery.parse(QueryDict(f"like={asked.pk}")), user)[0:ASSETS]
    apart = np.linalg.norm(vectors.asset_vector(asked) - vectors.asset_vector(library[3]))
    assert next(asset for asset in found if asset == library[3]).hit.distance == pytest.approx(apart, abs=1e-3)


def test_the_answer_of_the_api_says_where_in_the_asset(library, client, user, small_space):
    asked, asset = library[1], library[3]
    give_segments(asset, small_space, unit(vectors.asset_vector(asked))[None], first=42)
    client.force_login(user)
    first, second = client.get(f"/api/v1/search/?like={asked.pk}&page_size=10").json()["results"][:2]
    assert (first["id"], first["segment"]) == (asked.pk, None)
    assert second["id"] == asset.pk
    found = second["segment"]
    assert (found["number"], found["kind"], found["label"], found["milliseconds"]) == (42, "frame", "0:42", 42_000)
    assert found["preview"].endswith(f"/assets/{asset.pk}/42/preview.webp")
    assert "page" not in found
    shown = client.get(f"/api/v1/assets/{asset.pk}/").json()["segments"]
    assert [segment["number"] for segment in shown] == [42]


def test_recall_is_of_what_rankings_compare(library, small_space, settings):
    settings.DAM_EXACT_ROWS = 3 * ASSETS  # fewer than there are vectors, more than there are assets
    assert recall.probe(small_space, queries=4) is not None
