"""The words of an asset follow whatever is done to it, by Django or by anybody's SQL."""

from collections.abc import Callable
from importlib import import_module
from threading import Event, Thread

import pytest
from django.contrib.postgres.search import SearchQuery
from django.db import connection, transaction

from assets.models import Asset, Tag
from search.models import AssetText
from tests.support.concurrency import meanwhile, somebody_waits_for_a_lock


def words(asset: Asset) -> set[str]:
    """The lexemes that the asset is found by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tsvector_to_array(document) FROM search_assettext WHERE asset_id = %s", [asset.pk])
        return set(cursor.fetchone()[0])


def sql(statement: str, *params: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def rows(count: int, **fields: str) -> list[Asset]:
    return Asset.objects.bulk_create(
        Asset(
            original=f"originals/{n}", filename=f"IMG_{n}.jpg", sha256=f"{n:064}", size=1, kind="image",
            mime_type="image/jpeg", **fields,
        )
        for n in range(count)
    )  # fmt: skip


@pytest.fixture
def truck(db: None) -> Tag:
    return Tag.objects.create(name="truck", parent=Tag.objects.create(name="vehicle"))


def test_title_tags_description_and_file_name_are_kept_with_their_weights(make_asset, truck):
    asset = make_asset("IMG_2041.jpg", title="Snow", description="A cold morning", tags=[truck])
    assert asset.text.document == "'2041':12 'cold':8C 'img':11 'jpg':13 'morn':9C 'snow':1A 'truck':5B 'vehicl':3B"


def test_what_django_changes_is_followed(make_asset):
    asset, other = make_asset(), make_asset()
    asset.title = "winter"
    asset.save()
    assert "winter" in words(asset)
    Asset.objects.filter(pk=asset.pk).update(description="frozen lakes")
    assert "lake" in words(asset)
    asset.title, other.title = "spring", "autumn"
    Asset.objects.bulk_update([asset, other], ["title"])
    assert "spring" in words(asset)
    assert "autumn" in words(other)
    assert "winter" not in words(asset)


def test_what_sql_changes_is_followed(make_asset, truck):
    asset = make_asset(title="one")
    sql("UPDATE assets_asset SET filename = 'holiday_7.png' WHERE id = %s", asset.pk)
    assert {"holiday", "7", "png", "one"} == words(asset)
    sql("INSERT INTO assets_asset_tags (asset_id, tag_id) VALUES (%s, %s)", asset.pk, truck.pk)
    assert {"truck", "vehicl"} <= words(asset)
    other = make_asset()
    sql("UPDATE assets_asset_tags SET asset_id = %s", other.pk)
    assert "truck" in words(other)
    assert "truck" not in words(asset)
    sql("UPDATE assets_asset_tags SET tag_id = %s", truck.parent_id)
    assert "truck" not in words(other)


@pytest.mark.django_db(transaction=True)
def test_words_of_tags_are_gone_when_all_links_are_truncated(make_asset, truck):
    asset = make_asset(title="one", tags=[truck])
    sql("TRUNCATE assets_asset_tags")
    assert not {"truck", "vehicl"} & words(asset)
    assert "one" in words(asset)


def test_assets_written_in_bulk_have_their_words(db):
    rows(3, title="made together")
    assert AssetText.objects.filter(document="together").count() == 3


def test_tags_added_removed_set_and_cleared_are_followed(make_asset, truck):
    asset, snow = make_asset(), Tag.objects.create(name="snow")
    asset.tags.add(truck, snow)
    assert {"truck", "vehicl", "snow"} <= words(asset)
    asset.tags.remove(truck)
    assert not {"truck", "vehicl"} & words(asset)
    asset.tags.set([truck])
    assert "snow" not in words(asset)
    assert "truck" in words(asset)
    asset.tags.clear()
    assert "truck" not in words(asset)
    truck.assets.add(asset)
    assert "truck" in words(asset)
    truck.assets.clear()
    assert "truck" not in words(asset)


def test_a_renamed_tag_is_found_by_its_new_name_where_it_or_a_child_is_carried(make_asset, truck):
    asset, other = make_asset(tags=[truck]), make_asset(tags=[truck.parent])
    truck.parent.name = "Fahrzeug"
    truck.parent.save()
    assert {"truck", "fahrzeug"} <= words(asset)
    assert "fahrzeug" in words(other)
    assert "vehicl" not in words(asset) | words(other)
    Tag.objects.filter(pk=truck.pk).update(name="lorry")
    assert "lorri" in words(asset)
    assert "lorri" not in words(other)


def test_a_tag_moved_below_another_brings_the_new_parents_words(make_asset, truck):
    pickup = Tag.objects.create(name="pickup", parent=truck)
    asset = make_asset(tags=[pickup])
    truck.parent = Tag.objects.create(name="machine")
    truck.save()
    assert {"pickup", "truck", "machin"} <= words(asset)
    assert "vehicl" not in words(asset)


def test_a_circle_of_tags_ends(make_asset, truck):
    asset = make_asset(tags=[truck])
    Tag.objects.filter(pk=truck.parent_id).update(parent=truck)
    assert {"truck", "vehicl"} <= words(asset)


def test_the_words_of_a_deleted_tag_are_gone_with_its_children(make_asset, truck):
    asset = make_asset(tags=[truck])
    truck.parent.delete()
    assert not {"truck", "vehicl"} & words(asset)


@pytest.mark.django_db(transaction=True)
def test_a_deleted_asset_takes_its_words_with_it(make_asset, truck):
    for delete in (
        lambda asset: asset.delete(),
        lambda asset: Asset.objects.filter(pk=asset.pk).delete(),
        lambda asset: sql(
            "DELETE FROM search_embedding WHERE asset_id = %s; DELETE FROM assets_asset_tags WHERE asset_id = %s;"
            " DELETE FROM assets_asset WHERE id = %s",
            *[asset.pk] * 3,
        ),
    ):
        asset = make_asset(tags=[truck])
        pk = asset.pk
        delete(asset)
        assert not AssetText.objects.filter(pk=pk).exists()


def test_other_columns_leave_the_words_alone(make_asset, truck):
    asset = make_asset(title="one", tags=[truck])

    def version() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT ctid::text, xmin::text, cmin::text FROM search_assettext")
            return cursor.fetchone()

    before = version()
    asset.save()
    Asset.objects.update(size=5, metadata={"a": 1})
    truck.save()
    Tag.objects.filter(pk=truck.pk).update(slug="other")
    assert version() == before
    Asset.objects.update(title="changed")
    assert version() != before


@pytest.mark.parametrize("character", ["x", "雪", "\U00020000", "ﷺ", "a1", "word "])
def test_a_text_of_any_length_can_be_saved(make_asset, character):
    asset = make_asset(title="short", description=character * 200_000)
    assert "short" in words(asset)


def test_many_different_words_can_be_saved(make_asset):
    Asset.objects.filter(pk=make_asset().pk).update(description=" ".join(map(str, range(300_000))))
    asset = make_asset(description="".join(chr(0x20000 + n * 7919 % 40_000) for n in range(200_000)))
    Tag.objects.bulk_create(
        Tag(
            name="".join(chr(0x20000 + (n * 100 + m) * 104_729 % 40_000) for m in range(100)), slug=f"t{n}", parent=None
        )
        for n in range(300)
    )
    asset.tags.set(Tag.objects.all())
    assert len(words(asset)) > 30_000


def test_a_bulk_update_of_descriptions_runs_in_a_constant_number_of_queries(db, django_assert_num_queries):
    rows(50)
    with django_assert_num_queries(1):
        Asset.objects.update(description="all at once")
    assert AssetText.objects.filter(document="onc").count() == 0  # a stop word
    assert AssetText.objects.filter(document="all once img").count() == 50


# --- at the same time -----------------------------------------------------------------------------------------------


@pytest.fixture
def during() -> Callable[..., None]:
    """Make the first change in a transaction, and begin the second before that has ended."""
    errors: list[BaseException] = []

    def run(first: Callable[[], object], second: Callable[[], object]) -> None:
        def other() -> None:
            try:
                second()
            except BaseException as error:
                errors.append(error)
            finally:
                connection.close()

        with transaction.atomic():
            first()
            thread = Thread(target=other)
            thread.start()
            wait_until_blocked(thread)
        thread.join()
        assert not errors

    return run


def wait_until_blocked(thread: Thread) -> None:
    """Return once another connection waits for a lock, or the thread has ended."""
    while thread.is_alive() and not somebody_waits_for_a_lock():
        pass


@pytest.mark.django_db(transaction=True)
def test_two_tags_given_at_the_same_time_are_both_found(make_asset, during):
    asset, red, blue = make_asset(), Tag.objects.create(name="red"), Tag.objects.create(name="blue")
    during(lambda: asset.tags.add(red), lambda: asset.tags.add(blue))
    assert {"red", "blue"} <= words(asset)


@pytest.mark.django_db(transaction=True)
def test_a_title_and_a_tag_given_at_the_same_time_are_both_found(make_asset, during, truck):
    asset = make_asset()
    during(lambda: Asset.objects.update(title="winter"), lambda: asset.tags.add(truck))
    assert {"winter", "truck"} <= words(asset)
    during(lambda: asset.tags.clear(), lambda: Asset.objects.update(title="summer"))
    assert "summer" in words(asset)
    assert "truck" not in words(asset)


@pytest.mark.django_db(transaction=True)
def test_a_tag_given_while_it_is_renamed_is_found_by_its_new_name(make_asset, during, truck):
    asset, other = make_asset(), make_asset()

    def rename(name: str) -> None:
        Tag.objects.filter(pk=truck.pk).update(name=name)

    during(lambda: asset.tags.add(truck), lambda: rename("lorry"))
    assert "lorri" in words(asset)
    during(lambda: rename("camion"), lambda: other.tags.add(truck))
    assert "camion" in words(asset) & words(other)


@pytest.mark.django_db(transaction=True)
def test_tags_moved_and_renamed_at_the_same_time_are_both_followed(make_asset, during, truck):
    asset, machine = make_asset(tags=[truck]), Tag.objects.create(name="machine")
    during(
        lambda: Tag.objects.filter(pk=truck.pk).update(parent=machine),
        lambda: Tag.objects.filter(pk=machine.pk).update(name="engine"),
    )
    assert "engin" in words(asset)
    assert "machin" not in words(asset)


@pytest.mark.django_db(transaction=True)
def test_bulk_changes_of_the_same_assets_in_opposite_orders_do_not_deadlock(truck):
    assets = rows(200)
    red, blue = Tag.objects.create(name="red"), Tag.objects.create(name="blue")
    errors: list[BaseException] = []

    def act(change: Callable[[int], object]) -> None:
        try:
            for turn in range(15):
                change(turn)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    forwards, backwards = assets, assets[::-1]
    changes: list[Callable[[int], object]] = [
        lambda turn: (red.assets.add if turn % 2 else red.assets.remove)(*forwards),
        lambda turn: (blue.assets.add if turn % 2 == 0 else blue.assets.remove)(*backwards),
        lambda turn: Tag.objects.filter(pk=red.pk).update(name=f"red {turn}"),
        lambda turn: Tag.objects.filter(pk=blue.pk).update(name=f"blue {turn}"),
    ]
    threads = [Thread(target=act, args=[change]) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    everything = AssetText.objects.filter(document="blue 14").exclude(document="red")
    assert everything.count() == 200


@pytest.mark.django_db(transaction=True)
def test_tagging_does_not_wait_for_tagging_of_other_assets(make_asset, truck):
    asset, other = make_asset(), make_asset()
    with transaction.atomic():
        asset.tags.add(truck)
        assert meanwhile(lambda: other.tags.add(truck)) is None
    assert "truck" in words(other)


# --- the migration --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_migration_goes_back_and_forth_and_fills_in_what_there_is(make_asset, truck):
    from django.core.management import call_command

    asset = make_asset(title="before", tags=[truck])
    call_command("migrate", "search", "0002", verbosity=0)
    try:
        Asset.objects.update(title="meanwhile")
        AssetText.objects.all().delete()
    finally:
        call_command("migrate", "search", verbosity=0)
    assert {"meanwhil", "truck", "vehicl"} <= words(asset)


def test_the_same_characters_are_written_without_spaces_to_the_migration_and_to_python():
    from search import fulltext

    assert import_module("search.migrations.0003_asset_text").CJK == fulltext.CJK


@pytest.mark.django_db(transaction=True)
def test_who_saves_an_asset_and_then_its_tags_does_not_lock_out_who_renames_a_tag(make_asset):
    """As Django's own form does: first the asset, then its tags, in one transaction."""
    tag, other = Tag.named("old"), Tag.named("other")
    asset = make_asset(tags=[tag])
    saved, errors = Event(), []

    def rename():
        saved.wait(10)
        try:
            Tag.objects.filter(pk=tag.pk).update(name="new")
        except Exception as error:  # a deadlock, most likely
            errors.append(error)
        finally:
            connection.close()

    renaming = Thread(target=rename)
    renaming.start()
    with transaction.atomic():
        asset.title = "title"
        asset.save()
        saved.set()
        for _attempt in range(200):  # until the other one waits for its turn
            if somebody_waits_for_a_lock():
                break
            renaming.join(0.05)
        asset.tags.add(other)
    renaming.join(20)
    assert errors == []
    assert AssetText.objects.filter(
        asset=asset, document=SearchQuery("new & other & title", search_type="raw")
    ).exists()
