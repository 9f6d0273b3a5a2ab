"""Deleting an asset deletes its files, once that is certain and only then."""

from threading import Thread

import pytest
from django.db import connection, transaction

from assets.models import Asset, Rendition
from assets.preparation import prepare_batch
from tests.support.concurrency import somebody_waits_for_a_lock
from tests.support.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def stored(files) -> int:
    return sum(path.is_file() for path in files.rglob("*"))


def test_a_deleted_asset_takes_its_original_and_renditions_along(make_asset, files):
    asset = make_asset()
    prepare_batch()
    assert stored(files) == 3
    asset.delete()
    assert stored(files) == 0


def test_deleting_many_at_once_takes_their_files_along(make_asset, files):
    make_asset()
    make_asset()
    Asset.objects.all().delete()
    assert stored(files) == 0


def test_files_stay_when_the_deletion_is_rolled_back(make_asset, files):
    asset = make_asset()
    with transaction.atomic():
        asset.delete()
        transaction.set_rollback(True)
    assert stored(files) == 1
    assert Asset.objects.get().original.open().read()


def test_files_stay_when_the_same_bytes_came_back_before_they_were_deleted(make_asset, picture, files):
    data = picture()
    asset = make_asset(data=data)
    with transaction.atomic():
        asset.delete()
        again = make_asset(data=data)
    assert again.original.open().read() == data


@pytest.mark.parametrize("delete", [lambda asset: asset.delete(), lambda asset: Asset.objects.all().delete()])
def test_deleting_waits_for_a_worker_that_stores_renditions(make_asset, files, monkeypatch, delete):
    asset = make_asset()
    threads, errors = [], []

    def in_a_thread() -> None:
        try:
            delete(Asset.objects.get(pk=asset.pk))
        except Exception as error:
            errors.append(error)
        connection.close()

    def delete_meanwhile(rows, **options):
        """Runs between the row's update and the renditions' insert, in the worker's transaction."""
        threads.append(Thread(target=in_a_thread))
        threads[0].start()
        wait_until(somebody_waits_for_a_lock, "the deletion to wait")
        return insert(rows, **options)

    insert = Rendition.objects.bulk_create
    monkeypatch.setattr(Rendition.objects, "bulk_create", delete_meanwhile)
    prepare_batch()
    threads[0].join()
    assert errors == []
    assert not Asset.objects.exists()
    assert stored(files) == 0
