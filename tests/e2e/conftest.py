"""A real browser before the real page: Chromium, driven by Playwright, and Django's live server."""

import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import Page

from assets.models import Asset, Tag
from assets.preparation import prepare_batch
from search.encoders import get_encoder
from search.models import Embedding, EmbeddingModel

# Playwright keeps an event loop in this thread, which Django takes for a mistake.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = "4.14.1"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "axe-core"

TRUCK, CAR = "white truck in a snow day", "black car in the night"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine (Debian: apt install chromium)")
    return browser_type_launch_args | {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}


@pytest.fixture
def left_alone(transactional_db: None, page: Page) -> Iterator[None]:
    """Before the database is emptied the server is done: counts of results may still be on their way."""
    under_way: set[int] = set()
    changed = threading.Condition()

    def begun(**_: Any) -> None:
        with changed:
            under_way.add(threading.get_ident())

    def done(**_: Any) -> None:
        with changed:
            under_way.discard(threading.get_ident())
            changed.notify_all()

    request_started.connect(begun)
    request_finished.connect(done)
    yield
    page.goto("about:blank")
    with changed:
        assert changed.wait_for(lambda: not under_way, timeout=20)
    request_started.disconnect(begun)
    request_finished.disconnect(done)


@pytest.fixture
def library(left_alone: None, bundled_model: EmbeddingModel, make_asset: Callable[..., Asset]) -> dict[str, Asset]:
    """Two prepared assets whose vectors are those of two sentences, and one between them; the truck and the car."""
    assets = {
        "truck": make_asset(
            "truck.png", color="white", title="A truck", tags=[Tag.named("vehicle"), Tag.named("snow")]
        ),
        "car": make_asset("car.png", color="black", title="A car", tags=[Tag.named("vehicle")]),
        "both": make_asset("both.png", color="gray", title="Both", tags=[Tag.named("snow")]),
    }
    while prepare_batch():
        pass
    truck, car = get_encoder(bundled_model.name).encode_text([TRUCK, CAR])
    between = 0.4 * truck + 0.6 * car
    vectors = {"truck": truck, "car": car, "both": between / (between @ between) ** 0.5}
    for name, vector in vectors.items():
        Embedding.objects.filter(asset=assets[name], model=bundled_model).update(vector=vector)
    return assets


@pytest.fixture
def at(live_server: Any, public: None) -> Callable[[str], str]:
    """The whole address of a path on the public live server."""
    return lambda path="/": f"{live_server.url}{path}"


@pytest.fixture
def signed_in(page: Page, live_server: Any, client: Client, user: User) -> User:
    """Somebody who has signed in, in the browser."""
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    return user


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complains of: errors of scripts, and what the security policy forbids. There must be nothing."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    yield heard
    assert heard == []


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's script, fetched once from npm."""
    script = CACHE / AXE / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("axe-core comes from npm, which is not here")
        script.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=script.parent) as folder:  # another process may do the same
            if subprocess.run([npm, "pack", "--silent", f"axe-core@{AXE}"], cwd=folder, timeout=120).returncode:
                pytest.skip("npm could not fetch axe-core")
            with tarfile.open(Path(folder, f"axe-core-{AXE}.tgz")) as archive:
                source = archive.extractfile("package/axe.min.js")
                assert source is not None
                Path(folder, script.name).write_bytes(source.read())
            Path(folder, script.name).replace(script)
    return script.read_text()
