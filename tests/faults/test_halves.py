"""A process is killed in the middle of a change to many rows: all of the change is there, or nothing of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
import requests

from tests.faults.library import Library, accepted
from tests.faults.pictures import picture
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(180)
COUNT = 12


@contextmanager
def held(library: Library, query: str, *parameters: Any) -> Iterator[psycopg.Connection]:
    """Hold locks that stop whoever comes by, so that a process can be met in the middle of its work."""
    with psycopg.connect(library.conninfo()) as connection:
        connection.execute(query, parameters)
        yield connection
        connection.rollback()


def in_the_middle(library: Library, statement: str) -> None:
    """Wait until somebody waits for our lock with this statement."""
    wait_until(
        lambda: library.count("pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE %s", f"%{statement}%"),
        f"{statement} to be stopped by a lock",
        seconds=90,
    )


@pytest.fixture
def assets(library: Library) -> list[int]:
    """As many assets without tags."""
    datas = [picture((64, 48)) for _ in range(COUNT)]
    return [accepted(library.upload(data), data)[0] for data in datas]


def tag(library: Library, pk: int, *tags: str) -> None:
    answer = library.ask("PATCH", f"assets/{pk}/", json={"tags": list(tags)})
    assert answer.status_code == 200, answer.text


def test_a_refresh_of_a_smart_collection_is_done_whole_or_not_at_all(library: Library, assets: list[int]):
    first, second = assets[: COUNT // 2], assets[COUNT // 2 :]
    assert library.ask("POST", "tags/", json={"name": "Kept"}).status_code == 201
    for pk in first:
        tag(library, pk, "kept")
    saved = {"name": "All that is kept", "query": "tag=kept", "smart": True}
    assert library.ask("POST", "saved-searches/", json=saved).status_code == 201

    def members() -> list[int]:
        return [pk for (pk,) in library.sql("SELECT asset_id FROM assets_collection_assets ORDER BY asset_id")]

    wait_until(lambda: members() == sorted(first), "the first members")
    # A refresh inserts what is new and then deletes what is gone: it is stopped between the two.
    with held(library, "SELECT * FROM assets_collection_assets FOR UPDATE"):
        for pk in first:
            tag(library, pk)
        for pk in second:
            tag(library, pk, "kept")
        in_the_middle(library, "DELETE FROM%assets_collection_assets")
        assert library.kill("worker")
        assert members() == sorted(first)
    wait_until(lambda: members() != sorted(first), "another refresh", seconds=90)
    assert members() == sorted(second)


def test_a_tag_of_many_assets_is_renamed_whole_or_not_at_all(library: Library, assets: list[int]):
    created = library.ask("POST", "tags/", json={"name": "Lorry"})
    assert created.status_code == 201, created.text
    lorry = f"tags/{created.json()['id']}/"
    for pk in assets:
        tag(library, pk, "lorry")

    def words() -> tuple[int, int]:
        query = "search_assettext WHERE asset_id = ANY(%s) AND document::text LIKE %s"
        return library.count(query, assets, "%lorr%"), library.count(query, assets, "%truck%")

    def rename() -> None:
        with suppress(requests.RequestException):  # nobody answers: it is killed
            library.ask("PATCH", lorry, json={"name": "Truck"})

    assert words() == (COUNT, 0)
    middle = assets[COUNT // 2]
    with held(library, "SELECT * FROM search_assettext WHERE asset_id = %s FOR UPDATE", middle):
        renaming = threading.Thread(target=rename)
        renaming.start()
        in_the_middle(library, "assets_tag")
        assert library.kill("web")
        renaming.join(60)
        assert words() == (COUNT, 0)
        assert library.count("assets_tag WHERE name = 'Truck'") == 0
    wait_until(library.answers, "the web server")
    wait_until(lambda: library.ask("PATCH", lorry, json={"name": "Truck"}).status_code == 200, "the renaming")
    assert words() == (0, COUNT)
