"""GET and POST /api/v1/search/: what is asked, what comes back, what is refused."""

import io
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from assets.models import Asset, Collection, Tag
from search.models import QueryPicture

pytestmark = pytest.mark.django_db
SEARCH = "/api/v1/search/"


@pytest.fixture
def spread(make_asset, give_vector):
    """Five assets, each farther from the first than the one before."""
    assets = [make_asset(f"{step}.png") for step in range(5)]
    for step, asset in enumerate(assets):
        give_vector(asset, [4 - step, step])
    return [asset.pk for asset in assets]


@pytest.fixture
def ids(api):
    def ask(address):
        response = api.get(f"{SEARCH}?{address}")
        assert response.status_code == 200, response.json()
        return [row["id"] for row in response.json()["results"]]

    return ask


def test_an_answer_says_what_was_asked_how_it_was_found_and_why_each_result_is_there(api, spread):
    answer = api.get(f"{SEARCH}?like={spread[0]}&id__gt=0").json()
    search = answer["search"]
    assert (search["mode"], search["model"]) == ("exact", "test-space")
    assert (search["candidates"], search["query"]) == (5, f"like={spread[0]}&id__gt=0")
    assert search["took_ms"] > 0
    first = answer["results"][0]
    assert (first["id"], first["match"], first["relevance"]) == (spread[0], True, None)
    assert first["similarity"] == pytest.approx(1, abs=1e-3)
    assert first["why"] == [{"signal": "picture", "similarity": pytest.approx(1, abs=1e-3)}]
    assert answer["count"] is None


def test_parameters_and_the_language_of_the_box_ask_the_same(ids, spread):
    assert ids(f"like={spread[0]}&like={spread[4]}^3") == ids(f"q=like:{spread[0]}+like:{spread[4]}^3")
    assert ids(f"like={spread[0]}") == spread


def test_filters_of_the_asset_list_narrow(ids, spread):
    Tag.named("truck").assets.set(spread[1:4])
    assert ids(f"like={spread[4]}&tag=truck&id__gt={spread[1]}") == [spread[3], spread[2]]


def test_pages_go_on_where_the_one_before_ended_and_their_links_lead_on(api, spread):
    first = api.get(f"{SEARCH}?q=like:{spread[0]}&page_size=2").json()
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    assert [row["id"] for page in (first, second, third) for row in page["results"]] == spread
    assert third["next"] is None
    assert parse_qs(urlsplit(second["previous"]).query) == {
        "like": [str(spread[0])], "page": ["1"], "page_size": ["2"],
    }  # fmt: skip


def test_the_body_may_ask_as_json(api, spread):
    answer = api.post(SEARCH, {"like": [spread[0], f"-{spread[4]}^0.5"], "kind": "image", "id__gt": spread[0]}).json()
    assert [row["id"] for row in answer["results"]] == spread[1:]
    assert "like=" in answer["search"]["query"]


def test_facets_are_counted_when_they_are_asked_for(api, spread):
    vehicle = Tag.named("vehicle")
    truck = Tag.objects.create(name="truck", parent=vehicle)
    truck.assets.set(spread[:2])
    vehicle.assets.set(spread[1:3])
    Collection.named("Spring").assets.set(spread[:1])
    assert "facets" not in api.get(f"{SEARCH}?like={spread[0]}").json()
    facets = api.get(f"{SEARCH}?like={spread[0]}&facets=1").json()["facets"]
    assert facets["tag"] == [
        {"value": "vehicle", "label": "vehicle", "count": 3}, {"value": "truck", "label": "truck", "count": 2},
    ]  # fmt: skip
    assert facets["kind"] == [{"value": "image", "label": "image", "count": 5}]
    assert facets["collection"] == [{"value": "spring", "label": "Spring", "count": 1}]
    assert sum(year["count"] for year in facets["year"]) == 5


def test_a_facet_counts_what_its_filter_finds(api, ids, spread):
    for name, chosen in {"a": spread[:3], "b": spread[2:], "c": []}.items():
        Tag.named(name).assets.set(chosen)
    facets = api.get(f"{SEARCH}?like={spread[0]}&facets=1").json()["facets"]
    for value in facets["tag"]:
        assert len(ids(f"like={spread[0]}&sort=created_at&tag={value['value']}")) == value["count"]


def test_facets_cost_one_query(api, spread, django_assert_num_queries):
    from search.facets import facets

    user = type("Somebody", (), {"is_authenticated": True})()
    with django_assert_num_queries(1):
        facets(Asset.objects.filter(pk__in=spread), user)


def test_visitors_are_not_told_who_uploads(client_of, public, make_asset, editor):
    make_asset(user=editor)
    assert "uploader" not in client_of().get(f"{SEARCH}?kind=image&facets=1").json()["facets"]
    known = client_of(editor).get(f"{SEARCH}?kind=image&facets=1").json()["facets"]["uploader"]
    assert known == [{"value": "editor", "label": "editor", "count": 1}]


def picture_file(color, name="query.png"):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), color).save(buffer, "PNG")
    return SimpleUploadedFile(name, buffer.getvalue())


def test_a_picture_that_is_not_in_the_library_finds_its_like_and_its_page_can_be_shared(
    api, client_of, user, make_asset, bundled_model
):
    from assets.preparation import prepare_batch
    from search.tasks import embed_pending

    red, blue = make_asset(color="red"), make_asset(color="blue")
    prepare_batch(), embed_pending()
    answer = api.post(SEARCH, {"picture": picture_file("blue")}, format="multipart").json()
    assert [row["id"] for row in answer["results"]] == [blue.pk, red.pk]
    assert Asset.objects.count() == 2
    shared = client_of(user).get(f"{SEARCH}?{answer['search']['query']}").json()
    assert [row["id"] for row in shared["results"]] == [blue.pk, red.pk]
    both = api.post(f"{SEARCH}?{answer['search']['query']}&like={red.pk}^5", {}).json()
    assert [row["id"] for row in both["results"]] == [red.pk, blue.pk]


REFUSED = {
    "q=": "q",
    "q=+++": "q",
    "": "q",
    "q=-people": "q",
    "like=-1": "q",
    "q=" + "+".join(f"(part+{n})" for n in range(50)): "q",
    "q=car^1e308": "q",
    "q=" + "x" * 600: "q",
    "q=a%00b": "q",
    "q=%22%E2%80%A6%22": "q",
    "like=1e308": "like",
    "like=999999": "like",
    "like=99999999999999999999": "like",
    "like=1;drop+table+assets_asset": "like",
    "like=1'+or+'1'='1": "like",
    "picture=abc": "picture",
    "picture=" + "f" * 32 + ".abc.def": "picture",
    "url=http://169.254.169.254/latest": "url",
    "url=file:///etc/passwd": "url",
    "url=http://127.0.0.1:8000/": "url",
    "mode=psychic&q=a": "mode",
    "sort=password&q=a": "sort",
    "sort=uploaded_by__password&q=a": "sort",
    "ordering=password&q=a": "ordering",
    "q=a&uploaded_by__password__startswith=x": "uploaded_by__password__startswith",
    "q=sort:password": "sort",
    "kind=poem": "kind",
    "q=()": "q",
    "like=5^100&like=-5^100": "q",
    "kind=image&kind=image&kind=video": "kind",
    "tag=nowhere": "tag",
    "&".join(f"tag=t{n}" for n in range(900)): "tag",
    "id__in=" + ",".join(map(str, range(1001))): "id__in",
    "kind=image&page=1000000000": "page",
    "kind=image&page=0": "page",
    "kind=image&page_size=100000": "page_size",
    "kind=image&page_size=-1": "page_size",
}


@pytest.mark.parametrize("address", REFUSED, ids=lambda address: address[:40])
def test_what_cannot_be_answered_is_a_problem_that_names_the_part(api, small_space, address):
    response = api.get(f"{SEARCH}?{address}")
    assert response.status_code == 400, response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert REFUSED[address] in [error["field"].split(".")[0] for error in response.json()["errors"]]


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {"q": {"$gt": ""}},
        {"q": None},
        {"q": [["a"]]},
        {"q": True},
        {"page": 2, "q": "a"},
        {"filters": {}},
        {},
    ],
    ids=str,
)
def test_a_body_that_makes_no_sense_is_refused(api, small_space, body):
    response = api.post(SEARCH, body, format="json")
    assert response.status_code == 400
    assert "errors" in response.json() or "detail" in response.json()


@pytest.mark.parametrize("name", ["q", "like", "tag", "mime_type", "kind", "mode", "sort", "id__in", "picture", "url"])
def test_what_is_no_text_and_what_has_no_end_is_refused_by_its_name(api, small_space, name):
    for values in (["\ud800"], ["a\u0000b"], ["a"] * 100_000):
        response = api.post(SEARCH, json.dumps({name: values}), content_type="application/json")
        assert response.status_code == 400
        assert name in [error["field"].split(".")[0] for error in response.json()["errors"]]


@pytest.mark.parametrize(
    "file", [SimpleUploadedFile("a.png", b"not a picture"), SimpleUploadedFile("a.svg", b"<svg onload='x()'/>")]
)
def test_a_picture_that_is_none_is_refused_and_nothing_is_kept(api, small_space, file):
    response = api.post(SEARCH, {"picture": file}, format="multipart")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "picture"
    assert not QueryPicture.objects.exists()


def test_filters_that_each_cost_the_planner_a_condition_are_few(api, small_space):
    slugs = [Tag.named(f"t{number}").slug for number in range(9)]
    address = "&".join(f"tag={slug}" for slug in slugs)
    assert api.get(f"{SEARCH}?{address}").status_code == 400
    assert api.get(f"/api/v1/assets/?{address}").status_code == 400
    assert api.get(f"{SEARCH}?{address.replace('tag=', 'tag__in=')}").status_code == 200
    assert api.get(f"{SEARCH}?{address.removesuffix('&tag=t8')}").status_code == 200


def test_a_parameter_whose_name_is_no_text_is_refused(api, small_space):
    response = api.post(SEARCH, '{"\\ud800": "a"}', content_type="application/json")
    assert response.status_code == 400


def test_pictures_on_the_web_are_counted_by_whatever_way_they_are_named(api, small_space):
    codes = [api.get(f"{SEARCH}?q=url:http://127.0.0.1/a+url:http://127.0.0.1/b").status_code for _ in range(17)]
    assert codes[0] == 400
    assert codes[-1] == 429


def test_a_file_under_another_name_is_refused(api, small_space):
    response = api.post(SEARCH, {"image": picture_file("red")}, format="multipart")
    assert response.json()["errors"][0]["field"] == "image"


def test_pictures_cost_too_much_to_be_sent_without_end(api, small_space):
    codes = [
        api.post(SEARCH, {"picture": SimpleUploadedFile("a.png", b"x")}, format="multipart").status_code
        for _ in range(40)
    ]
    assert codes[0] == 400
    assert codes[-1] == 429


def test_an_asset_that_may_not_be_seen_is_one_that_is_not_there(client_of, spread, settings):
    assert client_of().get(f"{SEARCH}?like={spread[0]}").status_code == 401
    assert client_of().post(SEARCH, {"like": spread[0]}).status_code == 401
    settings.DAM_PUBLIC_READ = True
    assert client_of().get(f"{SEARCH}?like={spread[0]}").status_code == 200
    assert client_of().post(SEARCH, {"like": spread[0]}).status_code == 200


def test_only_who_has_signed_in_sends_this_server_to_an_address(client_of, public, spread):
    response = client_of().get(f"{SEARCH}?url=https://example.org/a.jpg")
    assert response.status_code == 400
    assert "Sign in" in response.json()["detail"]


def test_without_a_model_the_answer_is_503_and_words_alone_still_work(api, make_asset):
    asset = make_asset(title="truck")
    assert api.get(f"{SEARCH}?q=truck").status_code == 503
    assert [row["id"] for row in api.get(f"{SEARCH}?q=truck&mode=keyword").json()["results"]] == [asset.pk]
