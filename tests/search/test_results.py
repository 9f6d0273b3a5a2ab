"""What a query finds: composed of parts, fused with words, cut into matches, in the order that was asked for."""

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import QueryDict

from assets.models import Asset, Tag
from search import vectors
from search.encoders import ModelUnavailable
from search.models import Embedding, NoActiveModel
from search.query import InvalidQuery, SearchQuery
from search.relevance import Relevance
from search.results import search

pytestmark = pytest.mark.django_db


@pytest.fixture
def find(user):
    """The assets that an address finds, in their order."""

    def ask(address, who=user):
        return search(SearchQuery.parse(QueryDict(address)), who)

    return ask


@pytest.fixture
def texts_mean(monkeypatch):
    """Give texts vectors of the small space: what is tested here is what comes after the encoder."""

    def mean(**directions):
        def vector(text, model=None):
            array = np.zeros(8, dtype=np.float32)
            array[: len(directions[text])] = directions[text]
            return array / np.linalg.norm(array)

        monkeypatch.setattr(vectors, "text_vector", vector)

    return mean


@pytest.fixture
def spread(make_asset, give_vector):
    """Five assets, each farther from the first than the one before."""
    assets = [make_asset(f"{step}.png") for step in range(5)]
    for step, asset in enumerate(assets):
        give_vector(asset, [4 - step, step])
    return assets


def test_an_asset_finds_its_like_nearest_first(find, spread):
    results = find(f"like={spread[0].pk}")
    assert results[0:10] == spread
    assert results.info()["mode"] == "exact"


def test_a_sum_of_assets_is_between_them_and_a_negative_one_pushes_away(find, spread):
    first, last = spread[0].pk, spread[4].pk
    assert find(f"like={first}&like={last}")[0:1] == [spread[2]]
    assert find(f"like={first}&like={last}^3")[0:1] == [spread[3]]
    assert find(f"like={spread[2].pk}&like=-{first}^0.9")[0:1] == [spread[4]]


def test_the_weighted_sum_is_what_brute_force_says(find, many_assets, small_space):
    rng = np.random.default_rng(9)
    assets = many_assets(rng.normal(size=(120, 8)))
    stored = {pk: np.asarray(vector) for pk, vector in Embedding.objects.values_list("asset_id", "vector")}
    for _attempt in range(20):
        chosen = rng.choice(assets, 3, replace=False)
        weights = rng.uniform(0.1, 3, 3).round(2) * rng.permutation([1, 1, -1])
        total = sum(weight * stored[asset.pk] for weight, asset in zip(weights, chosen, strict=True))
        total /= np.linalg.norm(total)
        expected = sorted((float(np.linalg.norm(vector - total)), pk) for pk, vector in stored.items())
        address = "&".join(
            f"like={'-' if weight < 0 else ''}{asset.pk}^{abs(weight)}"
            for weight, asset in zip(weights, chosen, strict=True)
        )
        found = find(address)[0:30]
        assert [asset.hit.distance for asset in found] == pytest.approx([d for d, _pk in expected[:30]], abs=2e-3)


def test_what_cancels_out_is_refused(find, make_asset, give_vector):
    same, again = make_asset(), make_asset()
    give_vector(same, [1]), give_vector(again, [1])
    with pytest.raises(InvalidQuery, match="cancel"):
        find(f"like={same.pk}&like=-{again.pk}")


@pytest.mark.parametrize("pk", ["0", "999999"])
def test_an_asset_that_is_not_there_is_named(find, spread, pk):
    with pytest.raises(InvalidQuery, match=f"no asset {pk}"):
        find(f"like={pk}")


def test_an_asset_that_may_not_be_seen_is_one_that_is_not_there(find, spread):
    with pytest.raises(InvalidQuery, match="no asset"):
        find(f"like={spread[0].pk}", AnonymousUser())


def test_an_asset_without_a_vector_is_named(find, spread, make_asset):
    pk = make_asset().pk
    with pytest.raises(InvalidQuery, match=f"Asset {pk} has no vector yet"):
        find(f"like={pk}")


def test_words_and_pictures_are_fused_and_each_says_why(find, make_asset, give_vector, texts_mean):
    texts_mean(truck=[1])
    looks, worded, both, neither = (
        make_asset(f"{name}.png", title=title) for name, title in zip("abcd", ["", "Truck", "a truck", ""], strict=True)
    )
    for asset, vector in {looks: [1, 0.1], worded: [0, 1], both: [1, 0.3], neither: [-1, 0.2]}.items():
        give_vector(asset, vector)
    found = find("q=truck")[0:10]
    assert found == [worded, both, looks, neither]  # named exactly; in both rankings; in one; far off
    assert [reason["signal"] for reason in found[0].hit.why] == ["name", "text", "picture"]
    assert found[1].hit.why[0] == {"signal": "text", "field": "title", "words": ["truck"]}
    assert [reason["signal"] for reason in found[2].hit.why] == ["picture"]
    assert find("q=truck&mode=semantic")[0:10] == [looks, both, worded, neither]
    assert find("q=truck&mode=keyword")[0:10] == [worded, both]


def test_a_file_name_typed_exactly_comes_first_also_without_a_vector(find, spread, make_asset, texts_mean):
    texts_mean(**{"IMG_2041.jpg": [1], "img_2041.JPG": [1]})
    asset = make_asset("IMG_2041.jpg")
    for name in ("IMG_2041.jpg", "img_2041.JPG"):
        found = find(f"q={name}")[0:10]
        assert found[0] == asset
        assert found[1:] == spread
    assert found[0].hit.why[0] == {"signal": "name"}
    assert found[0].hit.similarity is None


def test_exact_words_must_be_there_and_excluded_ones_must_not(find, spread):
    Asset.objects.filter(pk=spread[1].pk).update(title="red car at night")
    Asset.objects.filter(pk=spread[3].pk).update(title="a car that is red")
    like = f"like={spread[0].pk}"
    assert find(f'{like}&q="red car"')[0:10] == [spread[1]]
    assert find(f'{like}&q=-"red car"')[0:10] == [spread[0], *spread[2:]]
    assert find('q="red car"')[0:10] == [spread[1]]
    with pytest.raises(InvalidQuery, match="no word"):
        find('q="..."')


def test_what_is_worded_as_the_avoided_is_no_match_for_its_words(find, make_asset, give_vector, texts_mean):
    day, night = make_asset(title="car by day"), make_asset(title="car by night")
    assert find("q=car+-night&mode=keyword")[0:10] == [day]
    assert find("q=car+-the+-(night+day)&mode=keyword&sort=created_at")[0:10] == [day, night]
    texts_mean(car=[1], night=[0, 1])
    give_vector(day, [-1]), give_vector(night, [1])
    found = find("q=car+-night")[0:10]
    assert [[reason["signal"] for reason in asset.hit.why] for asset in found] == [["text", "picture"], ["picture"]]
    assert find("q=car&mode=keyword&sort=created_at")[0:10] == [day, night]


@pytest.fixture
def cut_at(monkeypatch):
    """Put the cut-off at a distance."""

    def cut(distance):
        class Cut(Relevance):
            def __init__(self):
                pass

            farthest = distance

            def of(self, other):
                return 1 / (1 + np.exp(other - distance))

        monkeypatch.setattr("search.results.relevance", lambda parts, model: Cut())

    return cut


def test_a_sort_orders_the_matches_not_the_library(find, spread, cut_at):
    cut_at(0.9)  # the first three
    results = find(f"like={spread[0].pk}&sort=-created_at")
    assert results[0:10] == [spread[2], spread[1], spread[0]]
    assert len(results) == 3
    assert all(asset.hit.match for asset in results[0:10])
    assert [asset.hit.match for asset in find(f"like={spread[0].pk}")[0:10]] == [True] * 3 + [False] * 2


def test_what_is_worded_so_is_a_match_however_far_its_picture_is(find, make_asset, give_vector, texts_mean, cut_at):
    texts_mean(truck=[1])
    cut_at(0.1)
    worded, other = make_asset(title="big truck"), make_asset()
    give_vector(worded, [0, 1]), give_vector(other, [1, 1])
    found = find("q=truck")[0:10]
    assert found == [worded, other]
    assert [asset.hit.match for asset in found] == [True, False]
    assert list(find("q=truck").matches) == [worded]


def test_nothing_near_enough_leaves_no_match(find, spread, cut_at):
    cut_at(-1)
    results = find(f"like={spread[0].pk}")
    assert len(results) == 0
    assert not any(asset.hit.match for asset in results[0:10])


@pytest.mark.parametrize(
    ("sort", "order"),
    [("title", "bca"), ("-title", "acb"), ("size", "cab"), ("-size", "bac"), ("created_at", "abc"),
     ("-created_at", "cba"), ("taken_at", "bac"), ("-taken_at", "abc")],
)  # fmt: skip
def test_every_sort(find, make_asset, sort, order):
    from datetime import UTC, datetime

    made = {name: make_asset(f"{name}.png") for name in "abc"}
    facts = {
        "a": {"title": "Zebra", "size": 2, "taken_at": datetime(2024, 2, 1, tzinfo=UTC)},
        "b": {"title": "ant", "size": 3, "taken_at": datetime(2024, 1, 1, tzinfo=UTC)},
        "c": {"title": "", "size": 1, "taken_at": None, "filename": "Bee.png"},
    }
    for name, values in facts.items():
        Asset.objects.filter(pk=made[name].pk).update(**values)
    assert find(f"sort={sort}")[0:10] == [made[name] for name in order]


def test_filters_alone_list_what_they_keep(find, spread):
    Tag.named("truck").assets.add(spread[1], spread[3])
    results = find("tag=truck")
    assert results[0:10] == [spread[3], spread[1]]
    assert (len(results), results.info()["mode"]) == (2, "filter")


def test_without_a_model_words_are_still_found_when_only_words_are_asked(find, make_asset):
    asset = make_asset(title="truck")
    assert find("q=truck&mode=keyword")[0:10] == [asset]
    with pytest.raises(NoActiveModel):
        find("q=truck")


def test_an_encoder_that_is_not_to_be_had_is_said(find, spread):
    with pytest.raises(ModelUnavailable):
        find("q=truck")


def test_a_row_costs_no_query_of_its_own(find, spread, django_assert_max_num_queries):
    with django_assert_max_num_queries(20):
        found = find(f"like={spread[0].pk}")[0:10]
        for asset in found:
            list(asset.tags.all()), list(asset.renditions.all())


def test_nobody_sees_what_they_may_not(find, spread):
    User.objects.create_user("gone", is_active=False)
    assert find("kind=image", AnonymousUser())[0:10] == []


@pytest.mark.parametrize("embedded", [90, 450])
@pytest.mark.parametrize("worded", [60, 300, 450])
def test_a_walk_through_all_pages_meets_every_result_once_and_every_worded_one_as_a_match(
    find, many_assets, texts_mean, settings, embedded, worded
):
    """More worded assets than take part in the fusion, and more than are embedded."""
    texts_mean(truck=[1])
    rng = np.random.default_rng(worded)
    has_words = set(rng.permutation(450)[:worded].tolist())
    assets = many_assets(
        rng.normal(size=(450, 8)), lambda number: {"description": "a truck"} if number in has_words else {}
    )
    Embedding.objects.filter(asset__in=assets[embedded:]).delete()
    expected = {asset.pk for number, asset in enumerate(assets) if number in has_words or number < embedded}
    seen = []
    for start in range(0, 450, 37):
        seen += find("q=truck")[start : start + 37]  # each page is a request of its own
    assert [asset.pk for asset in seen] == [asset.pk for asset in find("q=truck")[0:1000]]
    assert len(seen) == len({asset.pk for asset in seen}) == len(expected)
    assert find("q=truck").total() == len(expected)
    assert {asset.pk for asset in seen if asset.hit.match} >= {assets[number].pk for number in has_words}
