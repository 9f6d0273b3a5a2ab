"""The page by keyboard alone."""

from playwright.sync_api import Page, expect


def test_slash_goes_to_the_search_box_and_types_nothing(page: Page, at, library):
    page.goto(at())
    page.keyboard.press("/")
    box = page.get_by_role("searchbox", name="Describe")
    expect(box).to_be_focused()
    expect(box).to_have_value("")
    page.keyboard.type("and/or")
    expect(box).to_have_value("and/or")


def test_the_shortcut_can_be_switched_off_and_stays_off(page: Page, at, library):
    page.goto(at())
    switch = page.get_by_role("checkbox", name="to search")
    switch.uncheck()
    page.keyboard.press("/")
    expect(switch).to_be_focused()
    page.reload()
    expect(switch).not_to_be_checked()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Describe")).not_to_be_focused()


def test_the_first_tab_stop_skips_to_the_content(page: Page, at, library):
    page.goto(at())
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
