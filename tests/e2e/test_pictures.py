"""A picture is searched with as soon as it is chosen, dropped on the page or pasted into it."""

import base64

import pytest
from playwright.sync_api import Page, expect

EVENT = """([kind, data]) => {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const files = new DataTransfer();
  files.items.add(new File([bytes], "mine.png", { type: "image/png" }));
  const given = { bubbles: true, cancelable: true, dataTransfer: files, clipboardData: files };
  if (kind === "drop") document.body.dispatchEvent(new DragEvent("dragover", given));
  document.body.dispatchEvent(kind === "drop" ? new DragEvent("drop", given) : new ClipboardEvent("paste", given));
}"""


def expect_results_of_the_picture(page: Page):
    chip = page.get_by_role("link", name="Remove Like your picture")
    expect(chip).to_be_visible()
    assert chip.locator("img").evaluate("image => image.naturalWidth") > 0
    assert "picture=" in page.url


def test_a_chosen_picture_is_searched_with_at_once_together_with_the_words_in_the_box(page: Page, at, library, picture):
    page.goto(at("/?tag=snow"))
    page.get_by_role("searchbox", name="Describe").fill("truck")
    mine = {"name": "mine.png", "mimeType": "image/png", "buffer": picture("white")}
    page.get_by_label("Search with a picture").set_input_files(mine)
    expect_results_of_the_picture(page)
    assert "q=truck" in page.url
    assert "tag=snow" in page.url
    page.get_by_role("link", name="Remove Like your picture").click()
    expect(page).to_have_url(at("/?q=truck&tag=snow"))


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_dropped_or_pasted_is_searched_with(page: Page, at, library, picture, kind):
    page.goto(at())
    page.evaluate(EVENT, [kind, base64.b64encode(picture("white")).decode()])
    expect_results_of_the_picture(page)


def test_a_file_that_is_no_picture_says_so(page: Page, at, library, complaints):
    page.goto(at())
    wrong = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"}
    page.get_by_label("Search with a picture").set_input_files(wrong)
    expect(page.get_by_role("alert")).to_contain_text("notes.txt")
    complaints.clear()  # the browser's own line about the 400


def test_the_camera_is_reached_by_keyboard_and_shows_it(page: Page, at, library):
    page.goto(at())
    page.get_by_role("searchbox", name="Describe").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#id_picture")).to_be_focused()
    assert page.locator("label[for=id_picture]").evaluate("label => getComputedStyle(label).outlineStyle") == "solid"
