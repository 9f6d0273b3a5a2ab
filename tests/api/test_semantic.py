"""Search by meaning over the API: exactly the brute-force ranking of the rows that the filters keep."""

from datetime import UTC, datetime

import numpy as np
import pytest

from assets.models import Asset, Tag
from search.models import Embedding
from search.vectors import text_vector
from tests.api.conftest import ASSETS

pytestmark = pytest.mark.django_db


@pytest.fixture
def library(bundled_model):
    """300 assets with random unit vectors of the bundled model's size; few, some and most of them tagged."""
    from assets.ledger import State
    from assets.models import Kind

    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(300, bundled_model.dimensions))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assets = Asset.objects.bulk_create(
        Asset(original="k", filename=f"{n}.png", sha256=f"{n:064d}", size=1, mime_type="image/png", kind=Kind.IMAGE,
              state=State.READY, created_at=datetime(2026, 1, 1 + n // 30, tzinfo=UTC))
        for n in range(300)
    )  # fmt: skip
    Embedding.objects.bulk_create(
        Embedding(asset=asset, model=bundled_model, vector=vector, state=State.READY)
        for asset, vector in zip(assets, vectors, strict=True)
    )
    for name, step in {"most": 2, "some": 10, "few": 70}.items():
        Tag.named(name).assets.set(assets[::step])
    return assets


@pytest.mark.parametrize(
    "filters",
    [
        "",
        "tag=most",
        "tag=some",
        "tag=few",
        "tag=some&created_after=2026-01-06",
        "tag=most&tag=few&created_before=2026-01-03",
    ],
)
def test_a_filtered_sentence_returns_exactly_what_brute_force_over_the_filtered_vectors_returns(api, library, filters):
    start = library[40].pk
    answer = api.get(f"{ASSETS}?semantic=white+truck+in+a+snow+day&id__gt={start}&page_size=200&{filters}")
    assert answer.status_code == 200
    found = answer.json()["results"]

    kept = api.get(f"{ASSETS}?id__gt={start}&page_size=200&{filters}").json()["results"]
    kept += api.get(f"{ASSETS}?id__gt={start}&page_size=200&page=2&{filters}").json().get("results", [])
    query = np.float16(text_vector("white truck in a snow day")).astype(np.float64)
    vectors = dict(Embedding.objects.values_list("asset_id", "vector"))
    expected = {row["id"]: float(np.linalg.norm(np.array(vectors[row["id"]]) - query)) for row in kept}
    # Distances rather than ids: the database computes in 32 bits, so that two rows may change places in a tie.
    assert [row["distance"] for row in found] == pytest.approx(sorted(expected.values())[:200], abs=1e-5)
    assert [row["distance"] for row in found] == pytest.approx([expected[row["id"]] for row in found], abs=1e-5)
    assert len({row["id"] for row in found}) == len(found)
    for row in found:
        assert row["similarity"] == pytest.approx(1 - row["distance"] ** 2 / 2)


def test_the_nearest_to_an_asset_is_that_asset(api, library):
    answer = api.get(f"{ASSETS}?similar_to={library[3].pk}&page_size=3").json()
    assert answer["results"][0]["id"] == library[3].pk
    assert answer["results"][0]["distance"] == pytest.approx(0, abs=1e-2)
    assert answer["count"] is None
    assert answer["next"]


def test_a_ranking_goes_on_over_its_pages_without_a_gap_or_a_repetition(api, library):
    url, seen = f"{ASSETS}?semantic=sea&page_size=70", []
    while url:
        answer = api.get(url).json()
        seen += [(row["distance"], row["id"]) for row in answer["results"]]
        url = answer["next"]
    assert len(seen) == len({pk for _distance, pk in seen}) == 300
    assert [distance for distance, _pk in seen] == sorted(distance for distance, _pk in seen)


@pytest.mark.parametrize(
    ("query", "named"),
    [("similar_to=1000000", "similar_to"), ("semantic=a&similar_to={0}", ""), ("page=201&semantic=a", "page")],
)
def test_what_cannot_be_ranked_is_a_400(api, library, query, named):
    answer = api.get(f"{ASSETS}?{query.format(library[0].pk)}")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [named]


def test_an_asset_that_has_no_vector_yet_is_named(api, library, make_asset):
    asset = make_asset()
    answer = api.get(f"{ASSETS}?similar_to={asset.pk}")
    assert answer.status_code == 400
    assert f"Asset {asset.pk} has no vector yet" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["semantic=sea", "similar_to={0}"])
def test_without_a_model_search_says_that_it_is_unavailable(api, make_asset, query):
    answer = api.get(f"{ASSETS}?{query.format(make_asset().pk)}")
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")


def test_a_stranger_finds_nothing_through_another_door(client_of, library, settings):
    assert client_of().get(f"{ASSETS}?similar_to={library[0].pk}").status_code == 401
