"""Deleting an asset deletes its files, once that is certain and only then."""

import pytest
from django.db import transaction

from assets.models import Asset
from assets.preparation import prepare_batch

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
