from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

ASSETS = "/api/v1/assets/"


@pytest.fixture
def client_of():
    """Return a client that is signed in as this user, or as nobody."""

    def client(user: Any = None) -> APIClient:
        client = APIClient()
        if user:
            client.force_authenticate(user)
        return client

    return client


@pytest.fixture
def api(client_of, editor) -> APIClient:
    return client_of(editor)


@pytest.fixture
def upload(api, picture):
    def send(data: bytes | None = None, name: str = "a.png", **fields: Any) -> Any:
        file = SimpleUploadedFile(name, picture() if data is None else data)
        return api.post(ASSETS, {"file": file, **fields}, format="multipart")

    return send
