"""Bytes for programs: a bearer token reads what its owner may see, and nothing more."""

import pytest
from knox.models import AuthToken

from assets.preparation import prepare_batch
from tests.api.conftest import ASSETS

pytestmark = pytest.mark.django_db
PATHS = ["original/", "preview.webp", "thumbnail.webp"]


@pytest.fixture
def bearer(user):
    _token, text = AuthToken.objects.create(user)
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def asset(make_asset):
    asset = make_asset()
    prepare_batch()
    return asset


@pytest.mark.parametrize("path", PATHS)
def test_a_bearer_token_downloads(client, asset, bearer, path):
    url = f"/assets/{asset.pk}/{path}"
    assert client.get(url).status_code == 404
    answer = client.get(url, headers=bearer)
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content)
    assert client.head(url, headers=bearer).status_code == 200
    assert client.post(url, headers=bearer).status_code == 405
    assert client.get("/assets/999999/original/", headers=bearer).status_code == 404


def test_a_token_of_somebody_inactive_downloads_nothing(client, asset, bearer, user):
    user.is_active = False
    user.save()
    answer = client.get(f"/assets/{asset.pk}/original/", headers=bearer)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_a_wrong_token_is_said_to_be_wrong(client, asset):
    answer = client.get(f"/assets/{asset.pk}/original/", headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_an_original_is_asked_for_again_each_time(client, asset, bearer):
    answer = client.get(f"/assets/{asset.pk}/original/", headers=bearer)
    assert answer["Cache-Control"] == "private, no-cache"
    assert "Authorization" in answer["Vary"]


def test_visitors_of_a_public_library_are_not_told_who_where_and_what_went_wrong(
    client_of, client, make_asset, editor, user, public
):
    asset = make_asset(user=editor, problem="bad bytes", metadata={"gps": {"latitude": 1, "longitude": 2}, "iso": 100})
    for url in (ASSETS, f"{ASSETS}{asset.pk}/"):
        shown = client_of().get(url).json()
        shown = shown["results"][0] if "results" in shown else shown
        assert (shown["uploaded_by"], shown["problem"], shown["metadata"]) == (None, None, {"iso": 100})
    shown = client_of(user).get(url).json()
    assert (shown["uploaded_by"], shown["problem"]) == ("editor", "bad bytes")
    assert shown["metadata"]["gps"] == {"latitude": 1, "longitude": 2}

    assert "Position" not in client.get(asset.get_absolute_url()).content.decode()
