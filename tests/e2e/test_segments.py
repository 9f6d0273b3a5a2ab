"""A hit within a video leads to its second, one within a document to its page; also without scripts and by keyboard."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from assets.models import Asset
from assets.preparation import prepare_batch
from search.embedding import embed_batch
from search.models import EmbeddingModel
from tests.e2e.test_accessibility import RULES
from tests.support.films import document, film, scenes

WORDS = ("delivery truck", "sailboat, sea", "soccer ball", "couch", "owl", "ferris wheel", "crab", "bicycle")


@pytest.fixture
def library(left_alone: None, bundled_model: EmbeddingModel, make_asset: Callable[..., Asset]) -> dict[str, Asset]:
    shown = scenes(*WORDS)
    made = film(shown, seconds=3, size=(480, 360), container="webm", codec="libvpx", rate=10)
    assets = {
        "film": make_asset("holiday.webm", data=made, title="A holiday"),
        "pages": make_asset("report.pdf", data=document(shown[::-1]), title="A report"),
    }
    while prepare_batch() + embed_batch():
        pass
    return assets


def test_a_hit_leads_to_its_second(page: Page, at, library):
    page.goto(at("/?q=a+sailboat+on+the+sea"))
    card = page.locator(".card", has_text="A holiday")
    expect(card.locator(".where")).to_contain_text("0:03")
    card.locator("a").first.click()
    video = page.locator("video")
    expect(video).to_be_visible()
    page.wait_for_function("document.querySelector('video').currentTime >= 2.9")
    assert page.evaluate("document.querySelector('video').currentTime") < 3.5
    expect(page.locator('.strip [aria-current="true"]')).to_have_text("0:03")


def test_the_strip_is_walked_by_keyboard(page: Page, at, library):
    page.goto(at(f"/assets/{library['pages'].pk}/?segment=2"))
    page.locator(".strip a").nth(2).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/?segment=3")
    expect(page.locator("figcaption")).to_contain_text("page 3")
    expect(page.get_by_role("link", name="Open the document at page 3")).to_have_attribute(
        "href", f"/assets/{library['pages'].pk}/view/#page=3"
    )


def test_without_scripts_the_page_shows_the_frame(browser: Browser, at, library):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(at("/?q=a+sailboat+on+the+sea"))
    page.locator(".card", has_text="A holiday").locator("a").first.click()
    assert "?segment=" in page.url
    expect(page.locator("video")).to_have_attribute("src", f"/assets/{library['film'].pk}/view/#t=3.000")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["/?q=a+sailboat+on+the+sea", "/assets/{film}/?segment=1", "/assets/{pages}/"])
def test_it_fits_a_phone_and_breaks_no_rule(page: Page, at, library, axe: str, scheme: Any, address: str):
    page.set_viewport_size({"width": 320, "height": 700})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(at(address.format(**{name: asset.pk for name, asset in library.items()})))
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.evaluate(axe)
    rules = json.dumps(RULES)
    assert page.evaluate(f"axe.run(document, {{runOnly: {rules}}}).then(found => found.violations)") == []
