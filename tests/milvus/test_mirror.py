"""Every change of a vector reaches Milvus, whoever makes it, and until then it is found without Milvus."""

import numpy as np
import pytest
from django.db import connection

from assets.models import Asset, Kind
from search import ranking
from search.milvus import collections, mirror, upkeep
from search.models import Embedding, Mirror, MirrorChange

pytestmark = pytest.mark.django_db


def of(model) -> str:
    return Mirror.objects.get(model=model, state=Mirror.State.READY).collection


def test_a_ranking_is_by_the_index_and_as_exact_says(clusters, small_space):
    rng = np.random.default_rng(6)
    for _query in range(10):
        vector = rng.normal(size=8)
        vector /= np.linalg.norm(vector)
        found = ranking.neighbours(Asset.objects.all(), vector, 60)
        assert found.mode == "index"
        small_space.exact_rows = 10_000
        expected = ranking.neighbours(Asset.objects.all(), vector, 60, small_space)
        assert expected.mode == "exact"
        assert found.rows == expected.rows
    assert not MirrorChange.objects.exists()
    assert collections.count(of(small_space)) == len(clusters)


def test_nothing_is_written_down_for_a_model_without_a_mirror(many_assets, small_space):
    assets = many_assets(np.eye(8))
    Embedding.objects.update(vector=np.ones(8) / np.sqrt(8))
    Asset.objects.update(kind=Kind.VIDEO)
    assets[0].delete()
    assert not MirrorChange.objects.exists()


def unit(number: int) -> np.ndarray:
    return np.eye(8)[number]


def first(vector: np.ndarray) -> int:
    found = ranking.neighbours(Asset.objects.all(), vector, 5)
    assert found.mode == "index"
    return found.rows[0][0]


def insert(clusters, space) -> int:
    asset = clusters[0]
    row = Embedding.objects.get(asset=asset)
    row.delete()
    Embedding.objects.create(asset=asset, model=space, segment=3, vector=unit(2), state="ready")
    return asset.pk


def update(clusters, space) -> int:
    Embedding.objects.filter(asset=clusters[1]).update(vector=unit(2))
    return clusters[1].pk


def other_sql(clusters, space) -> int:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE search_embedding SET vector = '[0,0,1,0,0,0,0,0]' WHERE asset_id = %s", [clusters[2].pk])
    return clusters[2].pk


def delete_what_was_nearest(clusters, space) -> int:
    update(clusters, space)
    Embedding.objects.filter(asset=clusters[3]).update(vector=unit(2) * 0.9 + unit(1) * np.sqrt(1 - 0.81))
    mirror.drain(space)
    clusters[1].delete()
    return clusters[3].pk


@pytest.mark.parametrize("change", [insert, update, other_sql, delete_what_was_nearest])
@pytest.mark.parametrize("told", [False, True], ids=["before Milvus is told", "after"])
def test_a_change_is_found_at_once(clusters, small_space, monkeypatch, change, told):
    monkeypatch.setattr(mirror, "GRACE", -mirror.GRACE)
    nearest = change(clusters, small_space)
    if told:
        assert upkeep.sweep() is False
        assert not MirrorChange.objects.exists()
    else:
        assert MirrorChange.objects.filter(mirrored_at=None).exists()
    assert first(unit(2)) == nearest
    if told:
        assert collections.count(of(small_space)) == Embedding.objects.count()


def test_a_filtered_column_that_changes_is_told(clusters, small_space):
    videos = Asset.objects.filter(kind=Kind.VIDEO)
    vector = np.array(Embedding.objects.get(asset=clusters[7]).vector)
    Asset.objects.filter(pk__in=[asset.pk for asset in clusters[:100]]).update(kind=Kind.VIDEO)
    for _told in range(2):
        found = ranking.neighbours(videos, vector, 5)
        assert (found.mode, found.rows[0][0]) == ("index" if _told else "exact", clusters[7].pk)
        mirror.drain(small_space)
        MirrorChange.objects.all().delete()


def test_a_build_beside_is_told_as_well_and_takes_over(clusters, small_space):
    before = of(small_space)

    def meanwhile(percent: float) -> None:
        Embedding.objects.filter(asset=clusters[1]).update(vector=unit(2))
        assert first(unit(2)) == clusters[1].pk
        mirror.drain(small_space)

    assert mirror.build(small_space, anew=True, say=meanwhile)
    after = of(small_space)
    assert after != before
    MirrorChange.objects.all().delete()
    assert first(unit(2)) == clusters[1].pk
    retired = Mirror.objects.get(state=Mirror.State.RETIRED)
    assert (retired.collection, retired.model) == (before, None)
    Mirror.objects.filter(pk=retired.pk).update(changed_at="2020-01-01T00:00Z")
    upkeep.sweep()
    assert not collections.exists(before)
    assert Mirror.objects.get().collection == after


def test_another_index_leaves_nothing_to_keep_up(clusters, settings):
    settings.DAM_INDEX = "pgvector"
    upkeep.sweep()
    Embedding.objects.update(vector=unit(2))
    assert not Mirror.objects.exists()
    assert not MirrorChange.objects.exists()
