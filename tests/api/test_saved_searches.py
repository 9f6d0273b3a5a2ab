import pytest
from django.contrib.auth.models import Permission, User

from assets.models import Asset, Collection, Tag
from search.models import Judgment, SavedSearch
from tests.api.conftest import ASSETS

SAVED = "/api/v1/saved-searches/"
JUDGMENTS = "/api/v1/judgments/"


@pytest.fixture
def reader(client_of, user):
    return client_of(user)


def errors(response):
    assert response.status_code == 400, response.data
    assert response["Content-Type"].startswith("application/problem+json")
    return {entry["field"]: entry["detail"] for entry in response.json()["errors"]}


def save(client, **fields):
    response = client.post(SAVED, {"name": "cars", "query": "q=red+car", **fields})
    assert response.status_code == 201, response.data
    return response.json()


def test_a_reader_saves_a_search_and_reads_it(reader, user):
    created = save(reader, query="?q=red car&page=3")
    assert created | {"id": 0, "created_at": ""} == {
        "id": 0,
        "name": "cars",
        "query": "q=red+car",
        "shared": False,
        "smart": False,
        "collection": None,
        "owner": user.username,
        "results": "http://testserver/api/v1/search/?q=red+car",
        "problem": "",
        "created_at": "",
        "refreshed_at": None,
    }
    assert reader.get(f"{SAVED}{created['id']}/").json() == created
    assert reader.get(SAVED).json()["results"] == [created]


def test_an_unknown_space_is_named(reader, small_space):
    response = reader.post(SAVED, {"name": "cars", "query": "q=car&space=nowhere"})
    assert errors(response) == {"query.space": "There is no space “nowhere”. There are: test-space."}


def test_a_visitor_has_no_saved_searches(client_of, public):
    assert client_of().get(SAVED).status_code == 401
    assert client_of().post(SAVED, {"name": "a", "query": "q=a"}).status_code == 401


def test_others_private_ones_are_not_there(reader, api):
    private = f"{SAVED}{save(api)['id']}/"
    assert reader.get(SAVED).json()["results"] == []
    assert reader.get(private).status_code == 404
    assert reader.patch(private, {"name": "mine"}).status_code == 404
    assert reader.delete(private).status_code == 404
    assert SavedSearch.objects.get().name == "cars"


def test_what_others_share_can_be_read_and_not_changed(reader, api):
    shared = f"{SAVED}{save(api, shared=True)['id']}/"
    assert reader.get(shared).status_code == 200
    assert len(reader.get(SAVED).json()["results"]) == 1
    for response in (reader.patch(shared, {"name": "mine"}), reader.patch(shared, {}), reader.delete(shared)):
        assert response.status_code == 403
        assert "Only its owner" in response.json()["detail"]
    assert SavedSearch.objects.get().name == "cars"


def test_its_owner_changes_and_deletes_it(reader):
    place = f"{SAVED}{save(reader)['id']}/"
    changed = reader.patch(place, {"name": "trucks", "query": "q=truck", "shared": True}).json()
    assert (changed["name"], changed["query"], changed["shared"]) == ("trucks", "q=truck", True)
    assert reader.delete(place).status_code == 204
    assert not SavedSearch.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"name": ""}, "name", "blank"),
        ({"name": "x" * 201}, "name", "200"),
        ({"name": "a\0"}, "name", "Null characters"),
        ({"query": ""}, "query", "blank"),
        ({"query": "sort=title"}, "query", "nothing to search for"),
        ({"query": "colour=red"}, "query.colour", "unknown parameter"),
        ({"query": "tag=nothing"}, "query.tag", "nothing"),
        ({"query": "q=-night"}, "query.q", "only something to avoid"),
        ({"query": "picture=abc"}, "query.picture", "Add it to the library"),
        ({"query": "url=http://169.254.169.254/"}, "query.url", "Add it to the library"),
        ({"query": "like=999"}, "query.like", "There is no asset 999"),
        ({"query": "&".join(["q=a"] * 2000)}, "query", "too many parameters"),
        ({"smart": "perhaps"}, "smart", "boolean"),
    ],
)
def test_what_cannot_be_saved_is_named(reader, fields, field, problem):
    found = errors(reader.post(SAVED, {"name": "cars", "query": "q=car"} | fields))
    assert problem in found[field]
    assert not SavedSearch.objects.exists()


def test_a_name_that_is_taken_is_refused(reader):
    save(reader)
    assert "already" in errors(reader.post(SAVED, {"name": "cars", "query": "q=bus"}))["name"]


def test_unknown_parameters_are_refused(reader):
    assert "unknown parameter" in errors(reader.get(SAVED, {"owner": "editor"}))["owner"]


def test_smart_takes_the_permission_to_add_collections(reader, user, client_of, make_asset):
    asset = make_asset(tags=[Tag.named("truck")])
    smart = {"name": "Trucks", "query": "tag=truck", "smart": True}
    response = reader.post(SAVED, smart)
    assert response.status_code == 403
    assert "permission to add collections" in response.json()["detail"]
    user.user_permissions.add(Permission.objects.get(codename="add_collection"))
    created = save(client_of(User.objects.get(pk=user.pk)), **smart)
    assert created["smart"] is True
    assert created["collection"] == "trucks"
    shown = reader.get("/api/v1/collections/").json()["results"]
    assert [(row["slug"], row["smart"]) for row in shown] == [("trucks", True)]
    assert [row["id"] for row in reader.get(ASSETS, {"collection": "trucks"}).json()["results"]] == [asset.pk]


def test_people_neither_put_assets_into_a_smart_collection_nor_take_them_out(api, upload, make_asset):
    inside, outside = make_asset(tags=[Tag.named("truck")]), make_asset()
    Collection.named("Spring")
    save(api, name="Trucks", query="tag=truck", smart=True)
    problem = "“trucks” is a smart collection"
    assert problem in errors(api.patch(f"{ASSETS}{outside.pk}/", {"collections": ["trucks"]}))["collections"]
    assert problem in errors(api.patch(f"{ASSETS}{inside.pk}/", {"collections": []}))["collections"]
    assert problem in errors(upload(collections=["trucks"]))["collections"]
    assert Asset.objects.count() == 2
    changed = api.patch(f"{ASSETS}{inside.pk}/", {"collections": ["spring", "trucks"]})
    assert sorted(changed.json()["collections"]) == ["spring", "trucks"]
    trucks = Collection.objects.get(slug="trucks")
    api.patch(f"/api/v1/collections/{trucks.pk}/", {"smart": False, "name": "Lorries"})
    trucks.refresh_from_db()
    assert (trucks.smart, trucks.name) == (True, "Lorries")


def test_a_judgment_is_kept_under_what_was_asked_for_and_taken_back(reader, user, make_asset, settings):
    settings.DAM_JUDGMENTS = True
    asset = make_asset()
    said = {"query": "q=red+car&sort=title&mode=semantic&page=2", "asset": asset.pk, "relevant": True}
    assert reader.post(JUDGMENTS, said).json() == {"query": "q=red+car", "asset": asset.pk, "relevant": True}
    reader.post(JUDGMENTS, said | {"relevant": False})
    kept = Judgment.objects.get()
    assert (kept.query, kept.asset, kept.user, kept.relevant) == ("q=red+car", asset, user, False)
    reader.post(JUDGMENTS, said | {"relevant": None})
    assert not Judgment.objects.exists()


def test_judgments_are_not_collected_unless_asked_for(reader, make_asset):
    assert reader.post(JUDGMENTS, {"query": "q=a", "asset": make_asset().pk, "relevant": True}).status_code == 404
    assert not Judgment.objects.exists()


def test_what_cannot_be_judged_is_refused(reader, client_of, make_asset, settings, public):
    settings.DAM_JUDGMENTS = True
    said = {"query": "q=a", "asset": make_asset().pk, "relevant": True}
    assert client_of().post(JUDGMENTS, said).status_code == 401
    assert reader.post(JUDGMENTS, said | {"asset": 999}).status_code == 404
    assert "asset" in errors(reader.post(JUDGMENTS, said | {"asset": 10**30}))
    assert "relevant" in errors(reader.post(JUDGMENTS, said | {"relevant": "perhaps"}))
    assert "query.picture" in errors(reader.post(JUDGMENTS, said | {"query": "picture=abc"}))
    long = "q=" + "+".join(f"({letter * 400})" for letter in "abcdef")
    assert "1 to 2000 characters" in errors(reader.post(JUDGMENTS, said | {"query": long}))["query"]
    assert not Judgment.objects.exists()
