"""The page ranks by meaning within ordinary filters, and says honestly how near each result is."""

from urllib.parse import parse_qs

import numpy as np
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assets.models import Tag
from assets.preparation import prepare_batch
from search.encoders import get_encoder
from search.models import Embedding


def test_results_come_nearest_first_within_the_filters(see, make_asset, give_vector):
    truck = Tag.named("truck")
    query = make_asset(title="query", tags=[truck])
    give_vector(query, [1])
    angles = np.random.default_rng(4).permutation(np.linspace(0.1, 1.4, 12))
    kept = []
    for number, angle in enumerate(angles):
        asset = make_asset(title=f"asset {number}", tags=[truck] if number % 3 else [])
        give_vector(asset, [np.cos(angle), np.sin(angle)])
        if number % 3 and asset.pk > query.pk + 3:
            kept.append((angle, asset.title))
    seen = see(f"/?like={query.pk}&tag=truck&id__gt={query.pk + 3}")
    assert len(kept) > 4
    assert seen.names == [title for _angle, title in sorted(kept)]


def test_the_cosine_is_shown_beside_each_result(see, make_asset, give_vector):
    first, second = make_asset(), make_asset()
    give_vector(first, [1])
    give_vector(second, [0.6, 0.8])
    shown = [element.text for element in see(f"/?like={first.pk}").all("span", "relevance")]
    assert shown == ["Similarity 1.00", "Similarity 0.60"]


def test_without_a_ranking_no_similarity_is_shown(see, make_asset, give_vector):
    give_vector(make_asset(), [1])
    assert see("/").all("span", "relevance") == []


def test_words_rank_through_the_active_model(see, make_asset, bundled_model):
    texts = {"truck": "white truck in a snow day", "car": "black car in the night"}
    vectors = get_encoder(bundled_model.name).encode_text(list(texts.values()))
    for title, vector in zip(texts, vectors, strict=True):
        asset = make_asset(title=title)
        Embedding.objects.update_or_create(
            asset=asset, model=bundled_model, segment=0, defaults={"vector": vector, "state": "ready"}
        )
    assert see("/", data={"q": texts["truck"]}).names == ["truck", "car"]
    assert see("/", data={"q": texts["car"]}).names == ["car", "truck"]
    assert see("/", data={"q": texts["car"]}).all("span", "relevance")[0].text == "Similarity 1.00"


def test_more_like_this_keeps_the_filters_and_leaves_words_and_page_behind(see, make_asset):
    asset = make_asset(title="one", tags=[Tag.named("truck")])
    prepare_batch()
    (link,) = see("/?q=truck&mode=keyword&sort=title&tag=truck").links("More like this one")
    assert parse_qs(link.removeprefix("?")) == {"tag": ["truck"], "like": [str(asset.pk)]}


def test_the_asset_compared_with_is_a_chip_and_stays_when_a_filter_changes(see, make_asset, give_vector):
    asset = make_asset(title="one")
    give_vector(asset, [1])
    seen = see(f"/?like={asset.pk}")
    assert "Remove Like one ×" in [chip.text for chip in seen.all("a", "chip")]
    assert seen.one("input", name="like", form="search").attributes["value"] == str(asset.pk)


def test_a_page_costs_the_same_number_of_queries_for_one_result_as_for_many(
    see, make_asset, give_vector, django_assert_num_queries
):
    first = make_asset(tags=[Tag.named("a")])
    give_vector(first, [1])
    see(f"/?like={first.pk}")  # what is looked up once per process is looked up now
    with CaptureQueriesContext(connection) as one:
        see(f"/?like={first.pk}")
    for _ in range(5):
        give_vector(make_asset(tags=[Tag.named("a")]), [1, 1])
    with django_assert_num_queries(len(one)):
        assert len(see(f"/?like={first.pk}").names) == 6
