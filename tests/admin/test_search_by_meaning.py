import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assets.models import Asset, Collection, Tag
from search.admin.asset import SemanticAssetAdmin
from search.models import Embedding, EmbeddingModel
from tests.admin.conftest import LIST, told


@pytest.fixture
def spread(make_asset: Callable[..., Asset], give_vector: Callable[..., Embedding]) -> list[Asset]:
    """Five assets, each farther from the first than the one before, made in another order."""
    assets = {step: make_asset(f"{step}.png") for step in (2, 0, 4, 1, 3)}
    for step, asset in assets.items():
        give_vector(asset, [4 - step, step])
    return [assets[step] for step in range(5)]


def ids(assets: list[Asset]) -> list[int]:
    return [asset.pk for asset in assets]


def test_words_rank_by_what_they_mean(
    bundled_model: EmbeddingModel, make_asset: Callable[..., Asset], listed: Any
) -> None:
    texts = ["black car in the night", "white truck in a snow day", "a fish in the sea"]
    vectors = bundled_model.encoder.encode_text(texts)
    assets = [make_asset(f"{number}.png") for number in range(3)]
    for asset, vector in zip(assets, vectors, strict=True):
        Embedding.objects.update_or_create(
            asset=asset, model=bundled_model, defaults={"vector": vector, "state": "ready"}
        )
    found = listed(q="white truck in a snow day")
    assert found[0] == assets[1].pk
    assert sorted(found) == ids(assets)


def test_similar_assets_come_nearest_first_with_their_similarity(spread: list[Asset], editing: Client) -> None:
    response = editing.get(LIST, {"q": f"like:{spread[0].pk}"})
    assert ids(response.context["cl"].result_list) == ids(spread)
    page = response.content.decode()
    assert "1.000" in page
    assert "Relevance" in page


def test_without_a_query_there_is_no_similarity(spread: list[Asset], editing: Client) -> None:
    assert "Relevance" not in editing.get(LIST).content.decode()


def test_every_row_leads_to_its_similar_ones_within_the_filters(spread: list[Asset], editing: Client) -> None:
    page = editing.get(LIST, {"id_from": 1, "o": "3"}).content.decode()
    assert f'href="?id_from=1&amp;q=like%3A{spread[2].pk}"' in page


def test_the_asset_compared_with_is_shown_and_can_be_removed(spread: list[Asset], editing: Client) -> None:
    page = editing.get(LIST, {"q": f"like:{spread[0].pk}", "id_from": 1}).content.decode()
    assert f'<img src="/assets/{spread[0].pk}/thumbnail.webp"' in page
    assert '<a href="?id_from=1" title="Remove"' in page


def test_filters_narrow_a_ranking(spread: list[Asset], listed: Any) -> None:
    tag = Tag.named("truck")
    tag.assets.add(spread[1], spread[3])
    assert listed(q=f"like:{spread[0].pk}", tags=tag.pk) == ids([spread[1], spread[3]])
    assert listed(q=f"like:{spread[4].pk}", tags=tag.pk) == ids([spread[3], spread[1]])


def test_a_ranking_goes_on_over_pages(spread: list[Asset], editing: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(SemanticAssetAdmin, "list_per_page", 2)
    response = editing.get(LIST, {"q": f"like:{spread[0].pk}", "p": 2})
    assert ids(response.context["cl"].result_list) == ids(spread[2:4])
    assert f'href="?p=3&q=like%3A{spread[0].pk}"' in unescape(response.content.decode())


def test_a_ranking_is_counted_no_further_than_one_may_page(
    spread: list[Asset], editing: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr("search.results.DEEPEST", 3)
    assert editing.get(LIST, {"q": f"like:{spread[0].pk}"}).context["cl"].paginator.count == 3
    assert editing.get(LIST).context["cl"].result_count == 5


def test_a_ranking_under_filters_is_ordered_by_distance_alone(spread: list[Asset], editing: Client) -> None:
    tag, spring = Tag.named("truck"), Collection.named("Spring")
    tag.assets.add(*spread)
    spring.assets.add(*spread)
    filters = {"tags": tag.pk, "collection": spring.pk, "embedding": "ready", "id_from": 1}
    with CaptureQueriesContext(connection) as queries:
        editing.get(LIST, {"q": f"like:{spread[0].pk}", **filters})
    [ranking] = [query["sql"] for query in queries if "<->" in query["sql"] and "EXPLAIN" not in query["sql"]]
    assert re.search(r"ORDER BY 2 ASC, 1 ASC, 3 ASC LIMIT 60$", ranking), ranking
    assert "DISTINCT" not in ranking


def test_the_filter_form_keeps_the_asset_compared_with(spread: list[Asset], editing: Client) -> None:
    page = editing.get(LIST, {"q": f"like:{spread[0].pk}"}).content.decode()
    form = page[page.index('id="filter-form"') :]
    assert f'name="q" value="like:{spread[0].pk}"' in form[: form.index("</form>")]


def test_a_clicked_column_still_decides_the_order(spread: list[Asset], listed: Any) -> None:
    by_name = listed(q=f"like:{spread[4].pk}", o="2")
    assert by_name == ids(spread)  # they are named 0.png to 4.png


def test_a_text_that_is_too_long_is_told_and_finds_nothing(spread: list[Asset], editing: Client) -> None:
    response = editing.get(LIST, {"q": "x" * 513})
    assert "512" in told(response)
    assert not response.context["cl"].result_list


@pytest.mark.parametrize("pk", ["0", "999999", "truck", "-1", "99999999999999999999"])
def test_similar_to_something_that_is_no_asset_is_told(pk: str, spread: list[Asset], editing: Client) -> None:
    response = editing.get(LIST, {"q": f"like:{pk}"})
    assert response.status_code == 200
    assert told(response)
    assert not response.context["cl"].result_list


def test_similar_to_an_asset_without_a_vector_is_told(
    spread: list[Asset], editing: Client, make_asset: Callable[..., Asset]
) -> None:
    response = editing.get(LIST, {"q": f"like:{make_asset().pk}"})
    assert "no vector yet" in told(response)


def test_where_the_model_is_not_to_be_had_the_words_are_searched_and_that_is_told(
    small_space: EmbeddingModel, make_asset: Callable[..., Asset], editing: Client
) -> None:
    """``small_space`` has a name that open_clip does not know."""
    truck, _other = make_asset("truck.png"), make_asset("other.png")
    response = editing.get(LIST, {"q": "truck"})
    assert "not available" in told(response)
    assert ids(response.context["cl"].result_list) == [truck.pk]


def test_without_any_model_the_words_are_searched_and_that_is_told(
    make_asset: Callable[..., Asset], editing: Client
) -> None:
    truck, _other = make_asset("truck.png"), make_asset("other.png")
    response = editing.get(LIST, {"q": "truck"})
    assert "register_model" in told(response)
    assert ids(response.context["cl"].result_list) == [truck.pk]


def test_the_box_takes_the_language_of_the_page(spread: list[Asset], listed: Any) -> None:
    first, last = spread[0].pk, spread[4].pk
    assert listed(q=f"like:{first} like:{last}^3")[0] == spread[3].pk
    assert listed(q=f'like:{first} -"1.png"') == ids([spread[0], *spread[2:]])
    assert listed(q="mode:keyword 3.png") == [spread[3].pk]


def test_what_cannot_be_meant_is_told(spread: list[Asset], editing: Client) -> None:
    response = editing.get(LIST, {"q": f"-like:{spread[0].pk}"})
    assert "something to avoid" in told(response)
    assert not response.context["cl"].result_list


def test_select_all_takes_the_matches_and_not_what_only_came_nearest(
    spread: list[Asset], editing: Client, monkeypatch: Any
) -> None:
    cut = type("Cut", (), {"farthest": 0.9, "of": lambda self, distance: 0.9 if distance < 0.9 else 0.1})()
    monkeypatch.setattr("search.results.relevance", lambda parts, model: cut)
    query = {"q": f"like:{spread[0].pk}"}
    response = editing.get(LIST, query)
    assert response.context["cl"].result_count == 3
    assert len(response.context["cl"].result_list) == 5
    assert "3 matches, then weaker ones" in response.content.decode()
    editing.post(
        f"{LIST}?q=like:{spread[0].pk}",
        {"action": "embed_again", "select_across": "1", "index": "0", "_selected_action": ["0"]},
    )
    owed = set(Embedding.objects.filter(state="pending").values_list("asset_id", flat=True))
    assert owed == {asset.pk for asset in spread[:3]}
    weaker = spread[4].pk
    editing.post(
        f"{LIST}?q=like:{spread[0].pk}",
        {"action": "embed_again", "select_across": "0", "index": "0", "_selected_action": [weaker]},
    )
    assert Embedding.objects.get(asset=weaker).state == "pending"
