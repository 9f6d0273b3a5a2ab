"""What is the server's fault says so: 503 without the database, 507 with a full disk; anything else is a 500."""

import errno

import pytest
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


def test_a_page_without_the_database_is_a_503_in_its_own_words(client, public, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr(AssetQuerySet, "visible_to", raising(OperationalError("connection refused")))
    answer = client.get("/")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.content.decode()


def test_a_session_that_cannot_be_read_is_a_503_too(client, editor, monkeypatch):
    from django.contrib.sessions.backends.db import SessionStore

    client.force_login(editor)
    client.raise_request_exception = False
    monkeypatch.setattr(SessionStore, "load", raising(OperationalError("connection refused")))
    assert client.get(ASSETS).json()["status"] == 503
    assert client.get("/").status_code == 503


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
