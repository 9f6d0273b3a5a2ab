"""Clients that forget, between tests, how a service failed; and a service to fail them."""

from collections.abc import Iterator
from typing import Any

import pytest

from search import encoders
from search.encoders.remote import calls
from search.encoders.remote.openai import OpenAIEncoder
from tests.protocols import server as servers
from tests.protocols.server import Server
from tests.protocols.stub import Stub, running

KEY = "key-that-nobody-may-read"


@pytest.fixture(autouse=True)
def fresh_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.calls_to.cache_clear()
    encoders._made.cache_clear()
    monkeypatch.setattr(calls, "BACKOFF", 0.0)


@pytest.fixture
def stub(settings: Any) -> Iterator[Stub]:
    with running() as stub:
        settings.DAM_OPENAI_URL, settings.DAM_OPENAI_API_KEY = f"{stub.url}/v1", KEY
        settings.DAM_REMOTE_TIMEOUT = 5
        yield stub


@pytest.fixture
def encoder(stub: Stub, db: None) -> OpenAIEncoder:
    """A client of the stub that was set up while it answered well."""
    encoder = OpenAIEncoder("openai:small")
    assert encoder.dimensions
    stub.asked.clear()
    return encoder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Our encoder process, with a token."""
    with servers.running(tmp_path_factory.mktemp("encoder")) as server:
        yield server
