"""Whatever becomes of Milvus, searches are answered, and it knows everything again afterwards."""

import logging
import shutil
import socket
import time

import numpy as np
import pytest
from django.test import Client

from assets.models import Asset, Tag
from search import lifecycle, ranking
from search.indexes import IndexState
from search.milvus import client, collections, mirror, upkeep
from search.models import Embedding, Mirror, MirrorChange
from search.status import library_status

pytestmark = pytest.mark.django_db
QUERY = np.eye(8)[3]


def ask(count: int = 20, assets=None) -> ranking.Neighbours:
    return ranking.neighbours(Asset.objects.all() if assets is None else assets, QUERY, count)


def serving(model) -> str:
    return Mirror.objects.get(model=model, state=Mirror.State.READY).collection


@pytest.fixture
def away(clusters, settings):
    settings.DAM_MILVUS_URI = "http://127.0.0.1:1"
    client.forget()


def test_without_milvus_every_row_is_compared_and_it_is_said(away, small_space, caplog):
    with caplog.at_level(logging.WARNING):
        found = ask()
    assert (found.mode, len(found.rows)) == ("exact", 20)
    assert "Every row is compared instead: Milvus at http://127.0.0.1:1" in caplog.text
    assert "Milvus does not answer" in library_status()["index"]["warning"]
    answer = Client().get("/healthz").json()
    assert (answer["status"], answer["index"]["queue"]) == ("warn", 0)


def test_changes_wait_for_milvus(away, clusters, small_space, settings, milvus_file):
    Embedding.objects.filter(asset=clusters[5]).update(vector=QUERY)
    assert upkeep.sweep() is False
    assert MirrorChange.objects.filter(mirrored_at=None).count() == 1
    assert ask().rows[0][0] == clusters[5].pk
    settings.DAM_MILVUS_URI = str(milvus_file)
    client.forget()
    upkeep.sweep()
    assert not MirrorChange.objects.filter(mirrored_at=None).exists()
    MirrorChange.objects.all().delete()
    assert (ask().mode, ask().rows[0][0]) == ("index", clusters[5].pk)


def test_a_milvus_that_hangs_costs_one_search_its_patience_and_the_next_nothing(clusters, settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.DAM_MILVUS_URI = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings.DAM_MILVUS_SECONDS = 0.5
        client.forget()
        start = time.monotonic()
        assert (ask().mode, len(ask().rows)) == ("exact", 20)
        assert time.monotonic() - start < 5
        with pytest.raises(client.Unavailable), client.milvus():  # at once, without asking
            pass


def test_a_collection_that_is_dropped_is_built_anew(clusters, small_space):
    gone = serving(small_space)
    before = ask()
    collections.drop(gone)
    assert ask() == before._replace(mode="exact")
    upkeep.sweep()
    assert mirror.look([small_space])[small_space.pk].state is IndexState.BROKEN
    assert lifecycle.index_is_due(small_space)
    lifecycle.build_indexes()
    assert serving(small_space) != gone
    assert ask() == before


def test_a_milvus_that_forgot_everything_is_filled_again(clusters, small_space, settings, tmp_path):
    before = ask()
    settings.DAM_MILVUS_URI = str(tmp_path / "milvus.db")
    client.forget()
    assert ask().mode == "exact"
    upkeep.sweep()
    lifecycle.build_indexes()
    assert ask() == before
    client.forget()


def test_vectors_that_a_collection_lost_are_noticed(clusters, small_space):
    rows = list(Embedding.objects.order_by("pk").values_list("pk", flat=True)[:100])
    collections.delete(serving(small_space), rows)
    upkeep.check_all()
    assert lifecycle.index_is_due(small_space)
    lifecycle.build_indexes()
    held = mirror.check(small_space, thoroughly=True)
    assert held == (600, 0, 600)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_changes_survive_a_worker_that_dies_while_it_tells_milvus(clusters, small_space, monkeypatch, moment):
    Embedding.objects.filter(asset__in=clusters[:50]).update(vector=QUERY)
    upsert = collections.upsert

    def killed(name: str, rows: list) -> None:
        upsert(name, rows if moment == "after" else rows[:20])
        raise Killed

    monkeypatch.setattr(collections, "upsert", killed)
    with pytest.raises(Killed):
        mirror.drain(small_space)
    assert MirrorChange.objects.filter(mirrored_at=None).count() == 50
    assert {pk for pk, _far in ask().rows} <= {asset.pk for asset in clusters[:50]}
    monkeypatch.setattr(collections, "upsert", upsert)
    assert mirror.drain(small_space) == 50
    MirrorChange.objects.all().delete()
    assert ask().mode == "index"
    assert {pk for pk, _far in ask().rows} <= {asset.pk for asset in clusters[:50]}


def test_a_copy_that_dies_goes_on_where_it_was(clusters, small_space, monkeypatch):
    monkeypatch.setattr(mirror, "BATCH", 100)
    before = serving(small_space)

    def dies(percent: float) -> None:
        if percent > 50:
            raise Killed

    with pytest.raises(Killed):
        mirror.build(small_space, anew=True, say=dies)
    assert (serving(small_space), ask().mode) == (before, "index")
    assert mirror.look([small_space])[small_space.pk].state is IndexState.BROKEN
    percents: list[float] = []
    mirror.build(small_space, say=percents.append)
    assert percents[0] > 50
    assert serving(small_space) != before
    assert mirror.check(small_space, thoroughly=True) == (600, 0, 600)


def test_a_filter_that_keeps_three_far_ones_finds_all_three(clusters):
    far = [pk for pk, _far in ranking.neighbours(Asset.objects.all(), QUERY, 600).rows[-3:]]
    Tag.named("rare").assets.set(far)
    found = ask(assets=Asset.objects.tagged("rare"))
    assert [pk for pk, _far in found.rows] == far


def test_who_may_see_nothing_is_told_nothing(clusters, monkeypatch):
    monkeypatch.setattr(collections, "nearest", lambda *args: pytest.fail("Milvus was asked"))
    assert ask(assets=Asset.objects.none()).rows == []


def test_vectors_that_come_while_a_collection_is_gone_are_in_the_next_one(clusters, small_space, many_assets):
    collections.drop(serving(small_space))
    upkeep.sweep()
    new = many_assets(QUERY[np.newaxis])[0]
    upkeep.sweep()
    MirrorChange.objects.all().delete()
    lifecycle.build_indexes()
    assert (ask().mode, ask().rows[0][0]) == ("index", new.pk)


def test_older_collections_are_noticed_although_they_have_as_many_vectors(clusters, small_space, settings, tmp_path):
    settings.DAM_MILVUS_URI = str(tmp_path / "milvus.db")
    client.forget()
    upkeep.sweep()
    lifecycle.build_indexes()
    client.forget()
    shutil.copytree(tmp_path / "milvus.db", tmp_path / "older.db")
    clusters[7].delete()
    Embedding.objects.filter(asset=clusters[5]).update(vector=QUERY)
    upkeep.sweep()
    MirrorChange.objects.all().delete()
    client.forget()
    settings.DAM_MILVUS_URI = str(tmp_path / "older.db")
    upkeep.check_all()
    lifecycle.build_indexes()
    assert (ask().mode, ask().rows[0][0]) == ("index", clusters[5].pk)
    client.forget()
