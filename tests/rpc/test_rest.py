"""POST /api/v1/rpc/match_images, as supabase-js and PostgREST's clients call it."""

import json

import numpy as np
import pytest

from search.models import EmbeddingModel

pytestmark = pytest.mark.django_db
URL = "/api/v1/rpc/match_images"
UP = [1.0, 0, 0, 0, 0, 0, 0, 0]


@pytest.fixture
def library(many_assets):
    return many_assets(np.random.default_rng(1).normal(size=(60, 8)))


@pytest.fixture
def ask(client_of, user):
    def post(who=user, url=URL, **body):
        body = {"query_embedding": UP, "match_threshold": -1, "match_count": 5} | body
        return client_of(who).post(url, {name: value for name, value in body.items() if value != "left out"})

    return post


def test_the_answer_is_a_bare_list_most_similar_first(library, ask):
    response = ask()
    assert response.status_code == 200
    assert [set(row) for row in response.json()] == [{"id", "image", "similarity"}] * 5
    similarities = [row["similarity"] for row in response.json()]
    assert similarities == sorted(similarities, reverse=True)
    assert ask(url=f"{URL}/").json() == response.json()


def test_a_vector_may_come_as_text(library, ask):
    assert ask(query_embedding=json.dumps(UP)).json() == ask().json()


def test_image_leads_to_the_original(make_asset, give_vector, client_of, user, ask):
    asset = make_asset()
    give_vector(asset, UP)
    [row] = ask().json()
    assert row["image"] == f"http://testserver/assets/{asset.pk}/original/"
    client = client_of()
    client.force_login(user)
    assert client.get(row["image"]).status_code == 200


def test_the_threshold_cuts(library, ask):
    every = ask(match_count=60).json()
    assert ask(match_count=60, match_threshold=0.4).json() == [row for row in every if row["similarity"] >= 0.4]


def test_who_may_not_see_the_library_is_told_so(library, ask, settings):
    assert ask(who=None).status_code == 401
    settings.DAM_PUBLIC_READ = True
    assert len(ask(who=None).json()) == 5


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_it_is_asked_by_post(method, client_of, user):
    response = getattr(client_of(user), method)(URL)
    assert response.status_code == 405
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("query_embedding", "left out", "required"),
        ("query_embedding", None, "null"),
        ("query_embedding", [], "No list"),
        ("query_embedding", {"a": 1}, "No list"),
        ("query_embedding", 1, "No list"),
        ("query_embedding", "[NaN, 1, 1, 1, 1, 1, 1, 1]", "No list"),
        ("query_embedding", "1,2,3", "No list"),
        ("query_embedding", "[" * 100_000, "No list"),
        ("query_embedding", [0.1] * 7, "7 dimensions; the model test-space has 8"),
        ("query_embedding", [1] * 1_000_000, "1000000 dimensions"),
        ("query_embedding", "[" + "1," * 700_000 + "1]", "No list"),
        ("query_embedding", [0] * 8, "zeros"),
        ("query_embedding", [1e300] * 8, "too large"),
        ("query_embedding", [10**400] * 8, "too large"),
        ("query_embedding", [1] * 7 + [None], "no number"),
        ("query_embedding", [1] * 7 + [True], "no number"),
        ("query_embedding", [[1] * 8], "no number"),
        ("match_threshold", "left out", "required"),
        ("match_threshold", None, "null"),
        ("match_threshold", 1.5, "less than or equal to 1"),
        ("match_threshold", -1.5, "greater than or equal to -1"),
        ("match_threshold", "NaN", "number"),
        ("match_threshold", "much", "number"),
        ("match_count", "left out", "required"),
        ("match_count", 0, "greater than or equal to 1"),
        ("match_count", 10**7, "less than or equal to 10000"),
        ("match_count", 10**30, "less than or equal to 10000"),
        ("match_count", 1.5, "integer"),
    ],
)
def test_a_mistake_is_named_at_its_parameter(library, ask, field, value, says):
    response = ask(**{field: value})
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    [error] = response.json()["errors"]
    assert error["field"] == field
    assert says in error["detail"]


def test_not_a_number_is_no_json(library, client_of, user):
    body = '{"query_embedding": [NaN, 1, 1, 1, 1, 1, 1, 1], "match_threshold": 0, "match_count": 1}'
    response = client_of(user).post(URL, body, content_type="application/json")
    assert response.status_code == 400


def test_a_body_that_is_too_large_is_not_read(client_of, user):
    response = client_of(user).post(URL, "1" * 3_000_000, content_type="application/json")
    assert response.status_code == 413


def test_without_a_model_it_is_unavailable(ask, db):
    EmbeddingModel.objects.all().delete()
    response = ask()
    assert response.status_code == 503
    assert "register_model" in response.json()["detail"]


def test_what_is_asked_for_one_user_is_forgotten_before_the_next(library, ask, user, django_db_blocker):
    from django.db import connection

    ask()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('dam.user_id', true), current_setting('dam.public_read', true)")
        assert set(cursor.fetchone()) <= {"", None}
