"""dam_sql.match_images(query_embedding, match_threshold, match_count): the ranking for who writes SQL."""

from contextlib import contextmanager

import numpy as np
import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection

from assets.models import Asset
from search import ranking
from search.models import Embedding, EmbeddingModel

pytestmark = pytest.mark.django_db

UP = [1.0, 0, 0, 0, 0, 0, 0, 0]


@contextmanager
def asking(**settings):
    """What is asked in the block is asked in this session."""
    with connection.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [f"dam.{name}", str(value)])
        yield cursor
        for name in settings:
            cursor.execute("SELECT set_config(%s, '', true)", [f"dam.{name}"])


def match_images(vector, threshold=-1.0, count=10, **session):
    with asking(**(session or {"public_read": "on"})) as cursor:
        cursor.execute(
            "SELECT id, image, similarity FROM dam_sql.match_images(%s::vector, %s, %s)",
            [vector if vector is None else str(list(map(float, vector))), threshold, count],
        )
        return cursor.fetchall()


@pytest.fixture
def library(many_assets):
    rng = np.random.default_rng(1)
    return many_assets(rng.normal(size=(300, 8)))


@pytest.fixture
def by_index(library, small_space):
    """Rankings of this library are asked of its index, however small it is."""
    EmbeddingModel.objects.filter(pk=small_space.pk).update(exact_rows=0)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE search_embedding")
        cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")


def scans(model):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_numscans(%s::regclass)", [f"embedding_hnsw_{model.pk}"])
        return cursor.fetchone()[0]


def rows_read(model):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_tuples_fetched(%s::regclass)", [f"embedding_hnsw_{model.pk}"])
        return cursor.fetchone()[0]


def test_it_gives_what_the_ranking_gives(library):
    rng = np.random.default_rng(2)
    for _query in range(10):
        query = rng.normal(size=8)
        query /= np.linalg.norm(query)
        expected = ranking.neighbours(Asset.objects.all(), query, 40).rows
        found = match_images(query, count=40)
        assert [pk for pk, _image, _similarity in found] == [pk for pk, _distance in expected]
        assert [s for *_rest, s in found] == pytest.approx([ranking.similarity(d) for _pk, d in expected], abs=1e-6)


def test_image_is_where_the_original_is_downloaded(library):
    pk, image, _similarity = match_images(UP, count=1)[0]
    assert image == f"/assets/{pk}/original/"
    [(pk, image, _similarity)] = match_images(UP, count=1, public_read="on", url="https://dam.example.com")
    assert image == f"https://dam.example.com/assets/{pk}/original/"


def test_the_threshold_cuts_and_the_length_of_the_query_does_not_matter(library):
    query = np.arange(1, 9)
    everything = match_images(query, count=300)
    above = match_images(query * 7.5, 0.5, 300)
    assert len(everything) == 300
    assert [row[0] for row in above] == [row[0] for row in everything if row[2] >= 0.5]
    assert 0 < len(above) < 100
    assert match_images(-query, 1) == []


def test_the_same_picture_has_the_highest_similarity(library):
    row = Embedding.objects.get(asset=library[7])
    assert [pk for pk, *_rest in match_images(row.vector, 0.9999, 5)] == [library[7].pk]


@pytest.mark.parametrize(
    ("vector", "threshold", "count", "says"),
    [
        ([1, 2], 0, 5, "query_embedding has 2 dimensions, the model test-space has 8"),
        ([1] * 16_000, 0, 5, "16000 dimensions"),
        ([0] * 8, 0, 5, "zeros"),
        (None, 0, 5, "query_embedding is null"),
        ([float("nan")] + [1] * 7, 0, 5, "NaN not allowed"),
        (UP, 0, 0, "match_count must be from 1 to 10000, not 0"),
        (UP, 0, 20_000, "match_count"),
        (UP, 0, -(2**31), "match_count"),
        (UP, 0, None, "match_count must be from 1 to 10000, not null"),
        (UP, 1.01, 5, "match_threshold is a cosine from -1 to 1, not 1.01"),
        (UP, -2, 5, "match_threshold"),
        (UP, float("nan"), 5, "not NaN"),
        (UP, float("inf"), 5, "not Infinity"),
        (UP, None, 5, "not null"),
    ],
)
def test_a_mistake_is_named(library, vector, threshold, count, says):
    with pytest.raises(DatabaseError, match=says):
        match_images(vector, threshold, count)


def test_the_shortest_query_there_is_has_a_direction(library):
    assert match_images([1e-38] + [0] * 7, count=3) == match_images(UP, count=3)


def test_only_who_may_see_the_library_is_answered(library, user):
    assert match_images(UP, user_id=user.pk) == match_images(UP)
    assert match_images(UP, user_id="") == []
    assert match_images(UP, user_id=user.pk + 1) == []
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert match_images(UP, user_id=user.pk) == []


def test_a_space_of_descriptions_that_is_active_too_is_not_meant(library, small_space):
    fields = {"dimensions": 4, "state": "active", "embeds": "description", "asked_by_picture": False}
    EmbeddingModel.objects.create(name="texts", **fields)
    EmbeddingModel.objects.filter(pk=small_space.pk).update(dimensions=8)  # now the later of the two in the table
    assert len(match_images(np.arange(1, 9))) == 10


def test_it_follows_the_active_model(library, small_space):
    other = EmbeddingModel.objects.create(name="other", dimensions=4)
    for number, asset in enumerate(library[:5]):
        vector = np.array([1, 0.1 * number, 0, 0])
        Embedding.objects.create(asset=asset, model=other, vector=vector / np.linalg.norm(vector), state="ready")
    other.activate()
    assert [pk for pk, *_rest in match_images([1, 0, 0, 0])] == [asset.pk for asset in library[:5]]
    with pytest.raises(DatabaseError, match="the model other has 4"):
        match_images(UP)


def test_it_goes_back_with_the_model(library, small_space):
    other = EmbeddingModel.objects.create(name="other", dimensions=4)
    before = match_images(UP)
    other.activate()
    small_space.activate()
    assert match_images(UP) == before


def test_without_a_model_it_says_so(db):
    EmbeddingModel.objects.all().delete()
    with pytest.raises(DatabaseError, match="no embedding model"):
        match_images([1] * 8)


def test_the_models_own_index_serves_it(library, small_space, by_index):
    before = scans(small_space)
    assert len(match_images(np.ones(8), 0, 5)) == 5
    assert scans(small_space) == before + 1


def test_few_rows_are_all_compared(library, small_space):
    before = scans(small_space)
    assert len(match_images(np.ones(8), 0, 5)) == 5
    assert scans(small_space) == before


def test_more_rows_are_all_compared_where_more_are_asked_for(library, small_space, by_index):
    """An index finds less of many than of few, and costs more."""
    EmbeddingModel.objects.filter(pk=small_space.pk).update(exact_rows=260)
    for count, asked in ((10, 1), (300, 0)):
        before = scans(small_space)
        assert len(match_images(np.ones(8), -1, count)) == count
        assert scans(small_space) == before + asked
        assert (len(library) > ranking.exact_rows(EmbeddingModel.objects.get(), count)) == bool(asked)


def test_the_index_is_asked_once_whatever_the_threshold(library, small_space, by_index):
    """In the scan a threshold that few reach would have it walk through everything, scan after scan."""
    before, rows_before = scans(small_space), rows_read(small_space)
    assert match_images(-np.ones(8), 0.999, 5) == []
    assert scans(small_space) == before + 1
    assert rows_read(small_space) - rows_before == 205  # of 300


def test_what_the_index_does_not_find_is_found_by_comparing(library, small_space, by_index):
    assert len(match_images(np.ones(8), -1, 10_000)) == 300


def test_vectors_that_nobody_sees_do_not_shorten_the_answer(library, small_space, by_index):
    """The nearest 250 are segments, which the function is not about."""
    Embedding.objects.filter(asset__in=library[:250]).update(segment=1, vector=UP)
    assert len(match_images(UP, -1, 50)) == 50


def test_it_is_right_outside_of_djangos_connections_too(library, small_space):
    """A plain client has none of our settings: an index scan of its own would end after 40 rows."""
    params = connection.get_connection_params()
    assert "hnsw.ef_search" in params.pop("options")
    with connection.cursor() as cursor:
        cursor.execute("SELECT proconfig FROM pg_proc WHERE oid = 'dam_sql.match_images'::regproc")
        assert {"hnsw.iterative_scan=relaxed_order", "hnsw.max_scan_tuples=2147483647"} <= set(cursor.fetchone()[0])
        cursor.execute("SHOW hnsw.ef_search")
        before = cursor.fetchone()
        match_images(UP, count=600)
        cursor.execute("SHOW hnsw.ef_search")
        assert cursor.fetchone() == before  # and it leaves the caller's alone


@pytest.mark.django_db(transaction=True)
def test_a_plain_client_gets_the_whole_answer(library, small_space):
    EmbeddingModel.objects.filter(pk=small_space.pk).update(exact_rows=0)
    params = connection.get_connection_params()
    wanted = {name: params[name] for name in ("host", "port", "user", "password", "dbname") if params.get(name)}
    with psycopg.connect(**wanted) as plain:
        plain.execute("ANALYZE search_embedding")
        plain.execute("SET enable_sort = off; SET enable_seqscan = off")
        plain.execute("SELECT set_config('dam.public_read', 'on', false)")
        rows = plain.execute("SELECT * FROM dam_sql.match_images(%s::vector, -1, 100)", [str(UP)]).fetchall()
    assert len(rows) == 100


def test_there_is_one_of_it(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname = 'match_images'")
        assert cursor.fetchall() == [("dam_sql",)]
