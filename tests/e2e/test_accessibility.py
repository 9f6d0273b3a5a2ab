"""WCAG 2.2 AA as far as axe-core can tell, in light and dark, on a desk and on a phone."""

import json

import pytest
from playwright.sync_api import Page, expect

from search.models import Calibration, SavedSearch

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def weak(library, bundled_model):
    """A calibration by which only words make a match."""
    numbers = {"centre": 0.0, "spread": 0.4}
    Calibration.objects.create(
        model=bundled_model, pictures=20, library=20, numbers={"text": numbers, "picture": numbers}
    )


def violations(page: Page, axe: str) -> list[str]:
    page.wait_for_load_state("networkidle")
    page.evaluate(axe)  # not as a script element: the page's policy allows none but its own
    found = page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(RULES)}}})")
    return [f"{v['id']}: {v['help']} {[node['html'][:120] for node in v['nodes']]}" for v in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "address", ["/", "/?tag=vehicle&like={car}", "/assets/{car}/", "/facets/?kind=image", "/login/", "/none/"]
)
def test_no_rule_is_broken(page: Page, at, library, axe, scheme, address, complaints):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(at(address.format(car=library["car"].pk)))
    assert violations(page, axe) == []
    complaints[:] = [complaint for complaint in complaints if "404" not in complaint]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_is_broken_where_everything_is_unfolded(
    page: Page, at, library, signed_in, weak, axe, settings, scheme
):
    settings.DAM_JUDGMENTS = True
    SavedSearch.objects.create(name="Trucks", query="q=truck", owner=signed_in, shared=True)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(at(f"/?q=vehicle&like=-{library['car'].pk}"))
    expect(page.locator(".facet").first).to_be_visible()
    expect(page.get_by_role("heading", name="Weaker matches")).to_be_visible()
    page.locator(".judge button").first.click()
    for summary in page.locator("summary:visible").all():
        summary.click()
    assert violations(page, axe) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_is_broken_beside_mistakes(page: Page, at, library, axe, scheme, complaints):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(at("/?created_after=x&id__gte=y&nothing=1"))
    assert violations(page, axe) == []
    complaints.clear()


@pytest.mark.parametrize("address", ["/?tag=vehicle&like={car}&created_after=2020-01-01", "/assets/{car}/"])
def test_a_phone_shows_everything_without_scrolling_sideways(page: Page, at, library, axe, address):
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(at(address.format(car=library["car"].pk)))
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(page, axe) == []


def test_filters_fold_on_a_phone_and_stand_open_on_a_desk(page: Page, at, library):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(at())
    tag = page.get_by_role("checkbox", name="snow")
    expect(tag).not_to_be_visible()
    page.get_by_text("Filters", exact=True).click()
    page.get_by_text("All tags").click()
    expect(tag).to_be_visible()
    tag.check()
    expect(page.locator(".card .name")).to_have_text(["Both", "A truck"])
    expect(tag).to_be_visible()  # the filters stay open while they are used
    expect(page.locator("#badge")).to_have_text("1")
    page.get_by_role("button", name="Apply filters").click()
    expect(tag).not_to_be_visible()
    expect(page.locator(".card").first).to_be_in_viewport()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(at())
    expect(page.get_by_text("All tags")).to_be_visible()
    expect(page.get_by_text("Filters", exact=True)).not_to_be_visible()
