"""Asking about pictures in a browser: the answer while it comes, and without a script."""

import json
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from assets.models import Asset
from demo.llm import Request, Server
from tests.e2e.test_accessibility import violations


def hostile(request: Request) -> str:
    text = '<a href="https://evil.example">Two</a> https://evil.example <img src=x onerror=alert(1)>'
    said = [{"text": "A truck.", "pictures": [1]}, {"text": text, "pictures": [2, 99]}]
    return json.dumps({"statements": said})


@pytest.fixture
def model(settings: Any) -> Iterator[Server]:
    import_module("anthropic")  # the first question waits for it: seconds, on a busy machine
    server = Server(answer=hostile, pause=0.01)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    settings.DAM_LLM, settings.DAM_LLM_URL = "anthropic:test-model", server.url
    yield server
    server.shutdown()
    server.server_close()


def test_an_answer_comes_into_the_page_as_text_with_our_links(
    page: Page, at: Callable[..., str], library: dict[str, Asset], signed_in: Any, model: Server, axe: str
) -> None:
    page.goto(at("/?q=white+truck+in+a+snow+day"))
    page.get_by_text("Ask about these pictures").click()
    page.get_by_label("Your question").fill("What is there?")
    page.keyboard.press("Enter")
    said = page.locator(".said")
    expect(said).to_contain_text("A truck.", timeout=20_000)
    expect(said).to_contain_text("https://evil.example <img src=x onerror=alert(1)>")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_enabled()
    links = said.get_by_role("link")
    expect(links).to_have_count(2)
    expect(links.first).to_have_attribute("href", f"/assets/{library['truck'].pk}/")
    assert violations(page, axe) == []
    links.first.click()
    expect(page.get_by_role("heading", name="A truck")).to_be_visible()


def test_what_goes_wrong_is_said_in_the_box(
    page: Page,
    at: Callable[..., str],
    library: dict[str, Asset],
    signed_in: Any,
    model: Server,
    settings: Any,
    complaints: list[str],
) -> None:
    settings.DAM_LLM_USER_REQUESTS = 1
    page.goto(at("/?q=white+truck+in+a+snow+day"))
    page.get_by_text("Ask about these pictures").click()
    for _ in range(2):
        page.get_by_label("Your question").fill("What is there?")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.locator(".said")).not_to_contain_text("The model looks")
        expect(page.get_by_role("button", name="Ask", exact=True)).to_be_enabled()
    expect(page.locator(".said .error")).to_contain_text("Your 1 questions of a day are asked.")
    assert [text for text in complaints if "429" not in text] == []
    complaints.clear()


def test_without_a_script_the_answer_is_a_page(
    browser: Browser,
    page: Page,
    at: Callable[..., str],
    library: dict[str, Asset],
    signed_in: Any,
    model: Server,
) -> None:
    state = page.context.storage_state()
    context = browser.new_context(
        java_script_enabled=False, storage_state=state, viewport={"width": 390, "height": 844}
    )
    plain = context.new_page()
    plain.goto(at("/?q=white+truck+in+a+snow+day"))
    plain.locator("#ask summary").click()
    plain.get_by_label("Your question").fill("What is there?")
    plain.get_by_role("button", name="Ask", exact=True).click()
    expect(plain.get_by_role("heading", name="The model was shown:")).to_be_visible()
    expect(plain.locator(".said .cited")).to_have_count(2)
    context.close()
