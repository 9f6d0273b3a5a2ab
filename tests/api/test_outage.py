"""What is the server's fault says so: 503 without the database, 507 with a full disk; anything else is a 500."""

import errno

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.db import OperationalError

from assets.models import Asset
from assets.querysets import AssetQuerySet
from assets.storage import AtomicFileSystemStorage
from tests.api.conftest import ASSETS

pytestmark = pytest.mark.django_db


def raising(error: Exception):
    def fail(*args, **kwargs):
        raise error

    return fail


def test_the_api_without_its_database_is_a_503(api, monkeypatch):
    monkeypatch.setattr(AssetQuerySet, "visible_to", raising(OperationalError("connection refused")))
    answer = api.get(ASSETS)
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert "connection refused" not in answer.content.decode()
    assert int(answer["Retry-After"]) > 0


def test_a_page_without_the_database_is_a_503_in_its_own_words(client, public, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr(AssetQuerySet, "visible_to", raising(OperationalError("connection refused")))
    answer = client.get("/")
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert "The database does not answer" in answer.content.decode()


def test_a_session_that_cannot_be_read_is_a_503_too(client, editor, monkeypatch):
    from django.contrib.sessions.backends.db import SessionStore

    client.force_login(editor)
    client.raise_request_exception = False
    monkeypatch.setattr(SessionStore, "load", raising(OperationalError("connection refused")))
    assert client.get(ASSETS).json()["status"] == 503
    assert client.get("/").status_code == 503


def refused(status: int) -> ClientError:
    return ClientError({"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")


@pytest.mark.parametrize("error", [EndpointConnectionError(endpoint_url="http://store"), refused(503)])
def test_an_object_store_that_does_not_answer_is_a_503_and_nothing_is_stored(upload, monkeypatch, error):
    monkeypatch.setattr(AtomicFileSystemStorage, "_save", raising(error))
    answer = upload()
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert int(answer["Retry-After"]) > 0
    assert not Asset.objects.exists()


def test_an_object_store_that_refuses_is_a_500_for_the_operator(upload, api, monkeypatch):
    monkeypatch.setattr(AtomicFileSystemStorage, "_save", raising(refused(403)))
    api.raise_request_exception = False
    assert upload().status_code == 500


def test_a_full_storage_is_a_507_and_nothing_is_stored(upload, monkeypatch):
    monkeypatch.setattr(AtomicFileSystemStorage, "_save", raising(OSError(errno.ENOSPC, "No space left on device")))
    answer = upload()
    assert (answer.status_code, answer["Content-Type"]) == (507, "application/problem+json")
    assert not Asset.objects.exists()


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), RuntimeError("a bug")])
def test_any_other_failure_stays_a_500(api, client, public, monkeypatch, error):
    monkeypatch.setattr(AssetQuerySet, "visible_to", raising(error))
    api.raise_request_exception = client.raise_request_exception = False
    assert api.get(ASSETS).status_code == 500
    assert client.get("/").status_code == 500
