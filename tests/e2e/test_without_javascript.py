"""The same steps in a browser that runs no scripts."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import TRUCK


@pytest.fixture
def browser_context_args(browser_context_args):
    return browser_context_args | {"java_script_enabled": False}


def test_search_filter_similar_and_chips_work_without_javascript(page: Page, at, library):
    names = page.locator(".card .name")
    page.goto(at())
    page.get_by_role("searchbox", name="Describe").fill(TRUCK)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(names).to_have_text(["A truck", "Both", "A car"])
    expect(page).to_have_url(at("/?q=white+truck+in+a+snow+day"))
    page.get_by_text("All tags").click()
    page.get_by_role("checkbox", name="snow").check()
    page.get_by_role("button", name="Apply filters").click()
    expect(names).to_have_text(["A truck", "Both"])
    page.get_by_role("link", name="More like this Both").click()
    expect(names).to_have_text(["Both", "A truck"])
    page.get_by_role("link", name="Remove Tags snow").click()
    expect(names).to_have_text(["Both", "A car", "A truck"])
    expect(page).to_have_url(at(f"/?like={library['both'].pk}"))
    page.go_back()
    expect(names).to_have_text(["Both", "A truck"])


def test_pages_turn_without_javascript(page: Page, at, library, monkeypatch):
    monkeypatch.setattr("search.page.views.PAGE_SIZE", 2)
    page.goto(at())
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".card .name")).to_have_text(["A truck"])


def test_what_needs_javascript_is_not_offered_without_it(page: Page, at, library):
    page.goto(at())
    expect(page.get_by_text("Press").locator("visible=true")).to_have_count(0)
