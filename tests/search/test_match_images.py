"""match_images(query_embedding, match_threshold, match_count): the ranking for who writes SQL."""

import numpy as np
import pytest
from django.db import DatabaseError, connection

from assets.models import Asset
from search import ranking
from search.models import EmbeddingModel

pytestmark = pytest.mark.django_db


def match_images(vector, threshold=-1.0, count=10):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, image, similarity FROM match_images(%s::vector, %s, %s)",
            [str(list(map(float, vector))), threshold, count],
        )
        return cursor.fetchall()


@pytest.fixture
def library(many_assets):
    rng = np.random.default_rng(1)
    return many_assets(rng.normal(size=(300, 8)))


def test_it_gives_what_the_ranking_gives(library):
    rng = np.random.default_rng(2)
    for _query in range(10):
        query = rng.normal(size=8)
        query /= np.linalg.norm(query)
        expected = ranking.neighbours(Asset.objects.all(), query, 40).rows
        found = match_images(query, count=40)
        assert [pk for pk, _image, _similarity in found] == [pk for pk, _distance in expected]
        assert [s for *_rest, s in found] == pytest.approx([ranking.similarity(d) for _pk, d in expected], abs=1e-6)
        assert found[0][1] == f"{Asset.objects.get(pk=found[0][0])}"


def test_the_threshold_cuts_and_the_length_of_the_query_does_not_matter(library):
    query = np.arange(1, 9)
    everything = match_images(query, count=300)
    above = match_images(query * 7.5, 0.5, 300)
    assert len(everything) == 300
    assert [row[0] for row in above] == [row[0] for row in everything if row[2] >= 0.5]
    assert 0 < len(above) < 100
    assert match_images(query, 1.1) == []


@pytest.mark.parametrize(
    ("vector", "count", "says"),
    [([1, 2], 5, "2 dimensions"), ([0] * 8, 5, "zeros"), ([1] * 8, 0, "match_count"), ([1] * 8, 20_000, "match_count")],
)
def test_a_mistake_is_named(library, vector, count, says):
    with pytest.raises(DatabaseError, match=says):
        match_images(vector, count=count)


def test_a_space_of_descriptions_that_is_active_too_is_not_meant(library, small_space):
    fields = {"dimensions": 4, "state": "active", "embeds": "description", "asked_by_picture": False}
    EmbeddingModel.objects.create(name="texts", **fields)
    EmbeddingModel.objects.filter(pk=small_space.pk).update(dimensions=8)  # now the later of the two in the table
    assert len(match_images(np.arange(1, 9))) == 10


def test_without_a_model_it_says_so(db):
    EmbeddingModel.objects.all().delete()
    with pytest.raises(DatabaseError, match="no embedding model"):
        match_images([1] * 8)


def test_the_models_own_index_serves_it(library, small_space):
    def scans(cursor):
        cursor.execute("SELECT pg_stat_get_xact_numscans(%s::regclass)", [f"embedding_hnsw_{small_space.pk}"])
        return cursor.fetchone()[0]

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off")  # so few rows would be sorted
        before = scans(cursor)
        cursor.execute("SELECT * FROM match_images(%s::vector, 0, 5)", [str([1.0] * 8)])
        assert len(cursor.fetchall()) == 5
        assert scans(cursor) == before + 1
