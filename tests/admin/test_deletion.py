"""Deleting what a worker is at work on: whoever comes second finds the other's work done, and nothing fails."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models.signals import pre_delete
from django.test import Client

from assets.models import Asset, Rendition
from tests.admin.conftest import LIST


@pytest.fixture
def waited(transactional_db: None) -> Iterator[list[bool]]:
    """Just before rows are deleted, a worker stores renditions of them; whether it had to wait for the deletion."""
    waited: list[bool] = []

    def store(asset: Asset) -> bool:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '50ms'")
                Asset.objects.filter(pk=asset.pk).update(width=64)
                facts = {"mime_type": "image/webp", "width": 64, "height": 48, "size": 1}
                Rendition.objects.create(asset=asset, preset="preview", file="a/b", **facts)
        except OperationalError:
            return True
        finally:
            connection.close()
        return False

    def at_work(sender: type[Asset], instance: Asset, **kwargs: object) -> None:
        with ThreadPoolExecutor(1) as worker:
            waited.append(worker.submit(store, instance).result())

    pre_delete.connect(at_work, sender=Asset)
    yield waited
    pre_delete.disconnect(at_work, sender=Asset)


def test_an_asset_can_be_deleted_while_it_is_prepared(
    waited: list[bool], editing: Client, make_asset: Callable[..., Asset]
) -> None:
    response = editing.post(f"{LIST}{make_asset().pk}/delete/", {"post": "yes"})
    assert response.status_code == 302
    assert not Asset.objects.exists()
    assert waited == [True]


def test_chosen_assets_can_be_deleted_while_they_are_prepared(
    waited: list[bool], editing: Client, make_asset: Callable[..., Asset]
) -> None:
    ids = [make_asset().pk for _ in range(2)]
    data = {"action": "delete_selected", "index": 0, "_selected_action": ids, "post": "yes"}
    assert editing.post(LIST, data).status_code == 302
    assert not Asset.objects.exists()
    assert waited == [True, True]
