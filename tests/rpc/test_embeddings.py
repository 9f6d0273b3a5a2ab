"""POST /api/v1/embeddings/: the vector to call match_images with."""

import numpy as np
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile

from assets.preparation import prepare_batch
from search.embedding import embed_batch
from search.models import Embedding, EmbeddingModel

pytestmark = pytest.mark.django_db
URL = "/api/v1/embeddings/"


@pytest.fixture(autouse=True)
def unthrottled():
    cache.clear()


@pytest.fixture
def ask(client_of, user):
    return lambda **body: client_of(user).post(URL, body)


def test_a_text_a_picture_and_an_asset_have_vectors_of_one_space(
    bundled_model, make_asset, picture, ask, client_of, user
):
    data = picture()
    asset = make_asset(data=data)
    while prepare_batch():
        pass
    embed_batch()
    text = ask(text="a red square").json()
    assert text["model"] == "emoji-scenes"
    assert len(text["embedding"]) == text["dimensions"] == bundled_model.dimensions
    assert np.linalg.norm(text["embedding"]) == pytest.approx(1, abs=1e-3)
    stored = ask(asset=asset.pk).json()["embedding"]
    sent = client_of(user).post(URL, {"picture": SimpleUploadedFile("a.png", data)}, format="multipart").json()
    assert np.dot(stored, sent["embedding"]) > 0.98
    rows = (
        client_of(user)
        .post("/api/v1/rpc/match_images", {"query_embedding": stored, "match_threshold": 0.99, "match_count": 3})
        .json()
    )
    assert [row["id"] for row in rows] == [asset.pk]


def test_an_asset_without_a_vector_yet_says_so(small_space, make_asset, ask):
    response = ask(asset=make_asset().pk)
    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert error["field"] == "asset"
    assert "once it is embedded" in error["detail"]


def test_an_asset_that_is_not_there_or_not_to_be_seen_is_named(small_space, make_asset, ask, client_of):
    assert ask(asset=10**9).json()["errors"][0] == {"field": "asset", "detail": "There is no asset 1000000000."}
    assert client_of().post(URL, {"asset": make_asset().pk}).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"text": "a", "asset": 1}, ""),
        ({"text": ""}, "text"),
        ({"text": "a" * 1000}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"text": {"a": 1}}, "text"),
        ({"asset": "x"}, "asset"),
        ({"asset": -1}, "asset"),
        ({"asset": 2**70}, "asset"),
        ({"picture": "data:image/png;base64,AAAA"}, "picture"),
    ],
)
def test_a_mistake_is_named(small_space, client_of, user, body, field):
    import json

    response = client_of(user).post(URL, json.dumps(body), content_type="application/json")
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_a_file_that_is_no_picture_is_named_and_nothing_is_kept(small_space, client_of, user):
    from search.models import QueryPicture

    response = client_of(user).post(URL, {"picture": SimpleUploadedFile("a.png", b"no")}, format="multipart")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "picture"
    assert not QueryPicture.objects.exists()


def test_pictures_are_counted_as_those_of_searches_are(bundled_model, picture, client_of, user, monkeypatch):
    from search.throttles import QueryPictureThrottle

    monkeypatch.setattr(QueryPictureThrottle, "rate", "1/min", raising=False)
    answers = [
        client_of(user).post(URL, {"picture": SimpleUploadedFile("a.png", picture())}, format="multipart")
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert int(answers[1].headers["Retry-After"]) > 0


def test_without_a_model_it_is_unavailable(db, ask):
    Embedding.objects.all().delete()
    EmbeddingModel.objects.all().delete()
    assert ask(text="a").status_code == 503
