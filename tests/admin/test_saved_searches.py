import pytest
from django.contrib.auth.models import User
from django.http import QueryDict

from assets.models import Collection, Tag
from search import saved
from search.models import Judgment, SavedSearch
from search.query import SearchQuery
from tests.admin.conftest import told

LIST = "/admin/search/savedsearch/"
ADD = f"{LIST}add/"


@pytest.fixture
def other(db):
    return User.objects.create_user("other")


def keep(user, name="cars", query="q=car", **options):
    return saved.save(user, name, SearchQuery.parse(QueryDict(query)), **options)


def test_the_list_shows_ones_own_and_shared_ones_and_to_superusers_all(editing, admin_client, editor, other):
    own, shared, private = keep(editor, "own"), keep(other, "shared", shared=True), keep(other, "private")
    assert set(editing.get(LIST).context["cl"].result_list) == {own, shared}
    assert set(admin_client.get(LIST).context["cl"].result_list) == {own, shared, private}


def test_another_persons_private_search_is_behind_no_door(editing, other):
    private = keep(other, "private")
    for door in ("change", "delete", "history"):
        response = editing.get(f"{LIST}{private.pk}/{door}/", follow=True)
        assert b"q=car" not in response.content
    editing.post(f"{LIST}{private.pk}/change/", {"name": "mine", "query": "q=a"})
    editing.post(f"{LIST}{private.pk}/delete/", {"post": "yes"})
    editing.post(LIST, {"action": "delete_selected", "_selected_action": [private.pk], "post": "yes"})
    private.refresh_from_db()
    assert private.name == "private"


def test_a_shared_search_is_changed_by_its_owner_alone(editing, other):
    shared = keep(other, "shared", shared=True)
    assert editing.get(f"{LIST}{shared.pk}/change/").status_code == 200
    assert editing.post(f"{LIST}{shared.pk}/change/", {"name": "mine", "query": "q=a"}).status_code == 403
    assert editing.post(f"{LIST}{shared.pk}/delete/", {"post": "yes"}).status_code == 403
    editing.post(LIST, {"action": "delete_selected", "_selected_action": [shared.pk], "post": "yes"})
    shared.refresh_from_db()
    assert shared.name == "shared"


def test_a_search_is_made_and_changed_in_a_form(editing, editor, make_asset):
    asset = make_asset(tags=[Tag.named("truck")])
    assert editing.post(ADD, {"name": "Trucks", "query": "?tag=truck&page=2", "smart": "on"}).status_code == 302
    made = SavedSearch.objects.get()
    assert (made.owner, made.query, made.shared) == (editor, "tag=truck", False)
    assert list(made.collection.assets.all()) == [asset]
    place = f"{LIST}{made.pk}/change/"
    assert editing.get(place).status_code == 200
    assert editing.post(place, {"name": "Lorries", "query": "tag=truck", "shared": "on"}).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.shared, made.collection) == ("Lorries", True, None)
    assert not Collection.objects.get().smart


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"query": "colour=red"}, "query", "unknown parameter"),
        ({"query": "sort=title"}, "query", "nothing to search for"),
        ({"query": "picture=abc"}, "query", "Add it to the library"),
        ({"name": "taken"}, "name", "already"),
        ({"name": "Spring", "smart": "on"}, "name", "There is a collection “spring” already"),
        ({"name": "!", "smart": "on"}, "name", "needs a letter or a digit"),
    ],
)
def test_what_cannot_be_saved_is_named_beside_its_field(editing, editor, fields, field, problem):
    Collection.named("Spring")
    keep(editor, "taken")
    response = editing.post(ADD, {"name": "new", "query": "q=car"} | fields)
    assert problem in " ".join(response.context["adminform"].errors[field])
    assert SavedSearch.objects.count() == 1


def test_a_smart_collection_takes_the_permission_to_add_collections(client, editor):
    editor.user_permissions.remove(*editor.user_permissions.filter(codename="add_collection"))
    client.force_login(editor)
    response = client.post(ADD, {"name": "Trucks", "query": "q=truck", "smart": "on"})
    assert "permission to add collections" in " ".join(response.context["adminform"].errors["smart"])
    assert not SavedSearch.objects.exists()


def test_the_results_are_a_link_away_on_the_page_and_in_the_asset_list(editing, editor):
    Tag.named("truck")
    keep(editor, "plain", "q=red+car+-night&sort=title")
    page = editing.get(LIST).content.decode()
    assert 'href="/?q=red+car+-night&amp;sort=title"' in page
    assert 'href="/admin/assets/asset/?q=red+car+-night+sort%3Atitle"' in page
    SavedSearch.objects.all().delete()
    keep(editor, "filtered", "q=car&tag=truck")
    page = editing.get(LIST).content.decode()
    assert 'href="/?q=car&amp;tag=truck"' in page
    assert "/admin/assets/asset/?q=" not in page


def test_a_smart_collection_is_refreshed_now(editing, editor, make_asset):
    truck = Tag.named("truck")
    trucks, broken = keep(editor, "Trucks", "tag=truck", smart=True), keep(editor, "Cars", "q=car", smart=True)
    asset = make_asset(tags=[truck])
    chosen = {"action": "refresh_now", "_selected_action": [trucks.pk, broken.pk]}
    response = editing.post(LIST, chosen, follow=True)
    assert list(trucks.collection.assets.all()) == [asset]
    assert "2 smart collections were refreshed" in told(response)
    assert "Cars: No embedding model" in told(response)


def test_a_smart_collection_is_shown_as_such_and_offered_nowhere_to_put_assets_into(editing, editor, make_asset):
    asset = make_asset()
    Collection.named("Spring")
    trucks = keep(editor, "Trucks", "q=truck", smart=True).collection
    assert "by a saved search" in editing.get("/admin/assets/collection/").content.decode()
    assert "by a saved search" in editing.get(f"/admin/assets/collection/{trucks.pk}/change/").content.decode()
    chosen = {"action": "collect", "_selected_action": [asset.pk]}
    offered = editing.post("/admin/assets/asset/", chosen).context["form"].fields["chosen"].queryset
    assert [collection.slug for collection in offered] == ["spring"]
    editing.post("/admin/assets/asset/", chosen | {"apply": "1", "chosen": [trucks.pk]})
    assert not trucks.assets.exists()
    form = editing.get("/admin/assets/asset/add/").context["form"]
    assert [collection.slug for collection in form.fields["collections"].queryset] == ["spring"]


def test_judgments_are_read_and_filtered_and_wrong_ones_deleted(editing, editor, make_asset):
    asset = make_asset()
    yes = Judgment.objects.create(query="q=car", asset=asset, user=editor, relevant=True)
    no = Judgment.objects.create(query="q=truck", asset=asset, user=editor, relevant=False)
    place = "/admin/search/judgment/"
    assert set(editing.get(place).context["cl"].result_list) == {yes, no}
    assert set(editing.get(place, {"relevant__exact": "0"}).context["cl"].result_list) == {no}
    assert editing.get(f"{place}{yes.pk}/change/").status_code == 200
    assert editing.post(f"{place}{yes.pk}/change/", {"relevant": ""}).status_code == 403
    assert editing.get(f"{place}add/").status_code == 403
    editing.post(f"{place}{no.pk}/delete/", {"post": "yes"})
    assert list(Judgment.objects.all()) == [yes]


def test_an_asset_that_was_judged_can_be_deleted_by_who_may_delete_assets(client, editor, make_asset):
    editor.user_permissions.remove(*editor.user_permissions.filter(codename="delete_judgment"))
    client.force_login(editor)
    asset = make_asset()
    Judgment.objects.create(query="q=car", asset=asset, user=editor, relevant=True)
    assert client.post(f"/admin/assets/asset/{asset.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Judgment.objects.exists()
