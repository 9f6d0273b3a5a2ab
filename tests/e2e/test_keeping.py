"""What those who have signed in can keep: a search under a name, and what they think of its results."""

from playwright.sync_api import Page, expect

from search.models import Judgment, SavedSearch


def test_a_search_is_saved_opened_again_and_deleted(page: Page, at, library, signed_in):
    page.goto(at("/?tag=snow"))
    page.get_by_text("Save this search").click()
    page.get_by_label("Name", exact=True).fill("Snowy")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The search is saved as “Snowy”.")).to_be_visible()
    expect(page).to_have_url(at("/?tag=snow"))
    page.goto(at())
    page.get_by_text("Saved searches").click()
    page.get_by_role("link", name="Snowy").click()
    expect(page.locator(".card .name")).to_have_text(["Both", "A truck"])
    page.get_by_text("Saved searches").click()
    page.get_by_role("button", name="Delete the saved search Snowy").click()
    expect(page.get_by_text("The saved search “Snowy” is deleted.")).to_be_visible()
    assert not SavedSearch.objects.exists()


def test_a_result_is_called_relevant_without_loading_the_page_and_the_focus_stays(
    page: Page, at, library, signed_in, settings
):
    settings.DAM_JUDGMENTS = True
    page.goto(at(f"/?like={library['car'].pk}"))
    page.evaluate("window.same = true")
    yes = page.get_by_role("button", name="Relevant: Both", exact=True)
    yes.press("Enter")
    expect(yes).to_have_attribute("aria-pressed", "true")
    expect(yes).to_be_focused()
    assert page.evaluate("window.same")
    assert Judgment.objects.get().relevant
    yes.press("Enter")
    expect(yes).to_have_attribute("aria-pressed", "false")
    assert not Judgment.objects.exists()
