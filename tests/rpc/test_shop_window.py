"""The page of docs/recipes/supabase.md, in a real browser, from another origin than the library's."""

import os
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from knox.models import AuthToken

from assets.preparation import prepare_batch
from search.models import ApiKey, Embedding
from tests.e2e import conftest as of_e2e
from tests.support.processes import ROOT

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright keeps an event loop in this thread
RECIPE = (ROOT / "docs" / "recipes" / "supabase.md").read_text()

browser_type_launch_args, left_alone, library = of_e2e.browser_type_launch_args, of_e2e.left_alone, of_e2e.library


@pytest.fixture
def elsewhere(tmp_path, live_server, settings):
    """The page, served by a server of its own on another port."""
    [page] = re.findall(r"```html file=shop.html\n(.*?)```", RECIPE, re.DOTALL)
    (tmp_path / "shop.html").write_text(page.replace("http://127.0.0.1:8000", live_server.url))

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_port}"
    settings.CORS_ALLOWED_ORIGINS = [origin]
    yield f"{origin}/shop.html"
    server.shutdown()
    server.server_close()


@pytest.fixture
def key(library, editor):
    def make(read_only: bool) -> str:
        token, text = AuthToken.objects.create(editor)
        ApiKey.objects.create(token=token, name="shop", read_only=read_only)
        return text

    return make


@pytest.fixture
def worker(library):
    """Prepares and embeds what is uploaded, in a thread, as a worker does in a process."""
    done = threading.Event()

    def work():
        from django.db import connection

        while not done.wait(0.2):
            prepare_batch()
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    done.set()
    thread.join()


def search(page, url, key, text, file=None):
    page.goto(url)
    page.get_by_label("API key").fill(key)
    page.get_by_label("Text").fill(text)
    if file:
        page.get_by_label("Picture").set_input_files(file)
    page.get_by_role("button", name="search").click()


def test_a_picture_is_uploaded_embedded_stored_found_and_downloaded(
    page, elsewhere, key, worker, library, picture, tmp_path
):
    upload = tmp_path / "upload.png"
    upload.write_bytes(picture("green"))
    search(page, elsewhere, key(read_only=False), "white truck in a snow day", upload)
    page.get_by_role("status").filter(has_text="found").wait_for()
    shown = page.locator("#found img")
    first = shown.first.get_attribute("alt")
    assert first.startswith(f"{library['truck'].pk}: ")
    assert shown.first.evaluate("image => image.naturalWidth") == 64  # the original, not a broken picture
    assert Embedding.objects.filter(asset__filename="upload.png", vector__isnull=False).exists()


def test_with_a_key_that_may_only_read_it_searches_and_does_not_upload(
    page, elsewhere, key, library, picture, tmp_path
):
    upload = Path(tmp_path / "upload.png")
    upload.write_bytes(picture("green"))
    reading = key(read_only=True)
    search(page, elsewhere, reading, "white truck in a snow day", upload)
    page.get_by_role("status").filter(has_text="This API key may only read.").wait_for()
    search(page, elsewhere, reading, "white truck in a snow day")
    page.get_by_role("status").filter(has_text="found").wait_for()


def test_from_an_origin_that_is_not_named_nothing_can_be_read(page, elsewhere, key, settings):
    settings.CORS_ALLOWED_ORIGINS = []
    search(page, elsewhere, key(read_only=True), "white truck")
    page.get_by_role("status").filter(has_text="Failed to fetch").wait_for()
