"""A smart collection: a collection whose members are the matches of a saved search."""

from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import QueryDict

from assets.models import Asset, Collection, Tag
from search import saved
from search.models import SavedSearch
from search.query import InvalidQuery, SearchQuery
from search.tasks import refresh_smart_collections
from tests.support.concurrency import meanwhile


def query(address: str) -> SearchQuery:
    return SearchQuery.parse(QueryDict(address))


@pytest.fixture
def truck(db):
    return Tag.named("truck")


@pytest.fixture
def trucks(editor, truck):
    return saved.save(editor, "Trucks", query("tag=truck"), smart=True)


def members(search: SavedSearch) -> set[int]:
    return set(Collection.objects.get(saved_search=search).assets.values_list("pk", flat=True))


def test_its_members_are_the_matches_from_the_beginning(make_asset, editor, truck):
    asset = make_asset(tags=[truck])
    make_asset()
    trucks = saved.save(editor, "Trucks", query("tag=truck"), smart=True)
    assert members(trucks) == {asset.pk}
    collection = Collection.objects.get()
    assert (collection.slug, collection.smart, collection.created_by) == ("trucks", True, editor)
    assert trucks.refreshed_at


def test_the_sweep_follows_what_changes(make_asset, trucks, truck):
    first, second = make_asset(tags=[truck]), make_asset(tags=[truck])
    refresh_smart_collections()
    assert members(trucks) == {first.pk, second.pk}
    first.tags.clear()
    second.delete()
    third = make_asset(tags=[truck])
    refresh_smart_collections()
    assert members(trucks) == {third.pk}


def test_the_sweep_is_scheduled(settings):
    entry = settings.CELERY_BEAT_SCHEDULE["smart collections"]
    assert entry["task"] == refresh_smart_collections.name
    assert entry["schedule"] == settings.DAM_SMART_COLLECTION_SECONDS == 60


def test_a_refresh_writes_no_more_than_the_difference(make_asset, trucks, truck, django_assert_max_num_queries):
    make_asset(tags=[truck])
    saved.refresh(trucks)
    links = Collection.assets.through.objects
    before = list(links.values_list("pk", flat=True))
    make_asset(tags=[truck])
    saved.refresh(trucks)
    assert list(links.order_by("pk").values_list("pk", flat=True))[:1] == before
    with django_assert_max_num_queries(14) as ran:
        saved.refresh(trucks)
    assert not [one["sql"] for one in ran.captured_queries if one["sql"].startswith(("INSERT", "DELETE"))]


def test_a_ranking_gives_its_matches(make_asset, give_vector, editor):
    near, far = make_asset(), make_asset()
    give_vector(near, [1, 0])
    give_vector(far, [-1, 0])
    alike = saved.save(editor, "Alike", query(f"like={near.pk}&mode=semantic"), smart=True)
    from search.results import search

    expected = set(search(saved.query_of(alike), editor).matches.values_list("pk", flat=True))
    assert near.pk in members(alike) == expected


def test_at_most_so_many_matches_are_members_and_that_is_said(make_asset, trucks, truck, monkeypatch):
    monkeypatch.setattr(saved, "DEEPEST", 2)
    _oldest, older, newest = (make_asset(tags=[truck]) for _ in range(3))
    saved.refresh(trucks)
    assert members(trucks) == {older.pk, newest.pk}
    assert "Only the newest 2 matches" in trucks.problem


def test_it_holds_only_what_its_owner_may_see(make_asset, trucks, truck, editor):
    make_asset(tags=[truck])
    saved.refresh(trucks)
    assert members(trucks)
    User.objects.filter(pk=editor.pk).update(is_active=False)
    saved.refresh(trucks)
    assert members(trucks) == set()


def test_what_has_become_invalid_is_named_and_leaves_the_members(make_asset, trucks, truck):
    asset = make_asset(tags=[truck])
    saved.refresh(trucks)
    truck.delete()
    saved.refresh(trucks)
    trucks.refresh_from_db()
    assert "truck" in trucks.problem
    assert members(trucks) == {asset.pk}


def test_without_a_model_the_members_stay(make_asset, editor):
    alike = saved.save(editor, "Cars", query("q=car"), smart=True)
    assert "No embedding model" in alike.problem


def test_a_broken_one_does_not_stop_the_others(make_asset, editor, truck, trucks, monkeypatch, caplog):
    saved.save(editor, "Broken", query("tag=truck&mode=keyword"), smart=True)
    asset = make_asset(tags=[truck])
    whole = saved._matching

    def matching(search):
        if search.name == "Broken":
            raise RuntimeError("out of order")
        return whole(search)

    monkeypatch.setattr(saved, "_matching", matching)
    SavedSearch.objects.filter(name="Broken").update(refreshed_at=None)  # so that it comes first
    assert saved.refresh_due() == 1
    assert members(trucks) == {asset.pk}
    assert "Broken" in caplog.text


def test_the_longest_waiting_come_first_when_time_is_short(editor, truck, trucks, settings, caplog):
    late = saved.save(editor, "Late", query("tag=truck"), smart=True)
    before = late.refreshed_at
    settings.DAM_SMART_COLLECTION_SECONDS = -1
    assert saved.refresh_due() == 1
    late.refresh_from_db()
    trucks.refresh_from_db()
    assert late.refreshed_at == before < trucks.refreshed_at


def test_deleting_the_search_leaves_an_ordinary_collection(make_asset, trucks, truck, editor):
    asset = make_asset(tags=[truck])
    saved.refresh(trucks)
    saved.delete(trucks, editor)
    collection = Collection.objects.get()
    assert not collection.smart
    assert list(collection.assets.all()) == [asset]


@pytest.mark.parametrize("many", [True, False])
def test_so_does_deleting_its_owner(trucks, editor, many):
    User.objects.filter(pk=editor.pk).delete() if many else editor.delete()
    assert not SavedSearch.objects.exists()
    assert not Collection.objects.get().smart


def test_deleting_the_collection_leaves_the_search(trucks):
    Collection.objects.all().delete()
    trucks.refresh_from_db()
    assert trucks.collection is None
    saved.refresh(trucks)


@pytest.mark.parametrize("many", [True, False])
def test_deleting_a_collection_takes_its_row_before_its_members(trucks, django_assert_max_num_queries, many):
    with django_assert_max_num_queries(20) as ran:
        Collection.objects.all().delete() if many else trucks.collection.delete()
    changes = [one["sql"] for one in ran.captured_queries if "FOR UPDATE" in one["sql"] or "DELETE" in one["sql"]]
    assert changes[0].startswith('SELECT "assets_collection"')


def test_a_search_becomes_smart_and_ordinary_again(make_asset, editor, truck):
    asset = make_asset(tags=[truck])
    kept = saved.save(editor, "Trucks", query("tag=truck"))
    saved.update(kept, editor, smart=True)
    assert members(kept) == {asset.pk}
    saved.update(kept, editor, name="Lorries")
    assert Collection.objects.get().name == "Lorries"
    saved.update(kept, editor, smart=False)
    assert kept.collection is None
    assert not Collection.objects.get().smart
    with pytest.raises(InvalidQuery, match="There is a collection “trucks” already"):
        saved.save(editor, "Trucks", query("tag=truck"), smart=True)


def test_it_cannot_be_filled_from_itself(editor, truck, trucks):
    with pytest.raises(InvalidQuery, match="“Trucks” cannot be filled from itself"):
        saved.update(trucks, editor, query=query("collection=trucks"))
    second = saved.save(editor, "Second", query("collection=trucks&tag=truck"), smart=True)
    third = saved.save(editor, "Third", query("collection=second"), smart=True)
    with pytest.raises(InvalidQuery, match="“Trucks” cannot be filled from itself"):
        saved.update(trucks, editor, query=query("collection=third"))
    saved.update(third, editor, query=query("collection=trucks"))
    saved.update(second, editor, query=query("collection=third"))


def test_nobody_puts_files_into_it_from_the_command_line(trucks, tmp_path):
    with pytest.raises(CommandError, match="“trucks” is a smart collection"):
        call_command("ingest", str(tmp_path), collection=["Trucks"])


@pytest.mark.django_db(transaction=True)
def test_one_refresh_at_a_time(make_asset, editor):
    truck = Tag.named("truck")
    trucks = saved.save(editor, "Trucks", query("tag=truck"), smart=True)
    from assets.locks import only_one

    with only_one(f"saved search {trucks.pk}"):
        assert "lock timeout" in str(meanwhile(lambda: saved.refresh(trucks)))
    assets = [make_asset(tags=[truck]) for _ in range(5)]
    start = Barrier(4)
    errors = []

    def refresh() -> None:
        start.wait()
        try:
            for _ in range(5):
                saved.refresh(SavedSearch.objects.get(pk=trucks.pk))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=refresh) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert members(trucks) == {asset.pk for asset in assets}


@pytest.mark.django_db(transaction=True)
def test_assets_and_collections_may_be_deleted_during_refreshes(make_asset, editor):
    truck = Tag.named("truck")
    trucks = saved.save(editor, "Trucks", query("tag=truck"), smart=True)
    assets = [make_asset(tags=[truck]) for _ in range(12)]
    errors = []
    start = Barrier(3)

    def in_thread(act):
        def run():
            start.wait()
            try:
                act()
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        return Thread(target=run)

    def refresh_often():
        for _ in range(30):
            saved.refresh(SavedSearch.objects.get(pk=trucks.pk))

    def delete_assets():
        for asset in assets[:8]:
            asset.delete()
        Collection.objects.all().delete()

    threads = [in_thread(refresh_often), in_thread(refresh_often), in_thread(delete_assets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert Asset.objects.count() == 4
    assert not Collection.assets.through.objects.exists()
