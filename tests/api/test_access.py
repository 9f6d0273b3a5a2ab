"""Who may do what: strangers nothing, readers read, editors write; tokens stand for their owner."""

import base64

import pytest

from tests.api.conftest import ASSETS

pytestmark = pytest.mark.django_db
READ = [ASSETS, "/api/v1/tags/", "/api/v1/collections/"]


@pytest.mark.parametrize("url", READ)
def test_strangers_are_asked_to_sign_in(client_of, url):
    answer = client_of().get(url)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer["Content-Type"] == "application/problem+json"


def test_strangers_may_read_a_public_library_and_change_nothing(client_of, make_asset, public):
    asset = make_asset()
    stranger = client_of()
    assert stranger.get(ASSETS).json()["count"] == 1
    for method in ("post", "patch", "delete"):
        url = ASSETS if method == "post" else f"{ASSETS}{asset.pk}/"
        assert getattr(stranger, method)(url, {}).status_code == 401


def test_readers_read_and_change_nothing(client_of, user, make_asset):
    asset = make_asset()
    reader = client_of(user)
    assert reader.get(ASSETS).json()["count"] == 1
    for method in ("post", "patch", "delete"):
        url = ASSETS if method == "post" else f"{ASSETS}{asset.pk}/"
        assert getattr(reader, method)(url, {}).status_code == 403


@pytest.mark.parametrize("path", ["original/", "preview.webp", "thumbnail.webp"])
def test_bytes_are_not_served_to_strangers(client, make_asset, path, user):
    from assets.preparation import prepare_batch

    asset = make_asset()
    prepare_batch()
    url = f"/assets/{asset.pk}/{path}"
    assert client.get(url).status_code == 404
    client.force_login(user)
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Content-Disposition"].startswith("attachment" if path == "original/" else "inline")
    assert b"".join(answer.streaming_content)


def test_a_token_is_given_for_a_password_and_works_as_a_bearer(client, user, make_asset):
    make_asset()
    basic = "Basic " + base64.b64encode(b"reader:reader").decode()
    token = client.post("/api/v1/tokens/", headers={"Authorization": basic}).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get(ASSETS, headers=bearer).json()["count"] == 1
    assert client.post("/api/v1/tokens/revoke/", headers=bearer).status_code == 204
    assert client.get(ASSETS, headers=bearer).status_code == 401


def test_a_wrong_password_gets_no_token(client, user):
    basic = "Basic " + base64.b64encode(b"reader:wrong").decode()
    assert client.post("/api/v1/tokens/", headers={"Authorization": basic}).status_code == 401


def test_a_session_must_prove_that_it_meant_to_write(user, editor, picture):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(editor)
    assert client.post(ASSETS, {}).status_code == 403


def test_the_schema_describes_every_view_and_its_pages_answer(client, admin_client, capsys):
    schema = client.get("/api/schema/").content.decode()
    assert capsys.readouterr().err == ""  # what the generator could not describe
    assert "/api/v1/tokens/:" in schema


def test_what_is_not_there_is_a_problem_too(client):
    answer = client.get("/api/v1/nothing/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_the_pages_of_the_schema_answer(client, admin_client):
    for url in ("/api/docs/", "/api/redoc/"):
        assert client.get(url).status_code == 200
