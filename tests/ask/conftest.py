"""Servers on loopback that speak the protocols of language models, asked through the real SDKs."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from assets.models import Asset
from assets.preparation import prepare_batch
from demo.llm import Server

PROVIDERS = ["anthropic", "openai"]


@pytest.fixture
def serve() -> Iterator[Callable[[Server], Server]]:
    """Run a server until the test is over."""
    servers: list[Server] = []

    def run(server: Server) -> Server:
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def ask_at(settings: Any) -> Callable[..., None]:
    """Have questions answered by this server, in one protocol."""

    def configure(url: str, provider: str = "anthropic") -> None:
        settings.DAM_LLM = f"{provider}:test-model"
        settings.DAM_LLM_URL = url if provider == "anthropic" else f"{url}/v1"
        settings.DAM_LLM_API_KEY = "a-secret-key"

    return configure


@pytest.fixture
def shown(make_asset: Callable[..., Asset], give_vector: Callable[..., Any]) -> Callable[..., Asset]:
    """Make an asset that is prepared and found by filters."""

    def make(name: str = "picture.png", **fields: Any) -> Asset:
        asset = make_asset(name, **fields)
        while prepare_batch():
            pass
        asset.refresh_from_db()
        return asset

    return make


@pytest.fixture
def reader(client: Client, user: User) -> Client:
    """The client of somebody who has signed in."""
    client.force_login(user)
    return client


@pytest.fixture
def post(reader: Client) -> Callable[..., Any]:
    """Ask through the API."""

    def send(question: str = "Which show a truck?", **more: Any) -> Any:
        body = {"question": question, "mode": "keyword", "q": "truck", **more}
        return reader.post("/api/v1/ask/", body, content_type="application/json")

    return send
