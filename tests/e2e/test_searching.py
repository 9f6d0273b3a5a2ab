"""Searching as a person does it: typing, filtering, going on from a result, going back."""

from playwright.sync_api import Page, expect

from tests.e2e.conftest import CAR, TRUCK


def results(page: Page):
    return page.locator(".card .name")


def tags(page: Page):
    """The list of all tags, unfolded."""
    page.get_by_text("All tags").click()
    return page.locator("#id_tag")


def test_a_typed_description_ranks_the_library_and_keeps_the_focus(page: Page, at, library):
    page.goto(at())
    expect(results(page)).to_have_text(["Both", "A car", "A truck"])
    box = page.get_by_role("searchbox", name="Describe")
    box.fill(TRUCK)
    box.press("Enter")
    expect(results(page)).to_have_text(["A truck", "Both", "A car"])
    expect(page.locator(".relevance").first).to_contain_text("1.00")
    expect(page).to_have_url(at("/?q=white+truck+in+a+snow+day"))
    expect(page).to_have_title(f"{TRUCK} · DAM")
    expect(page.locator("#status")).to_have_text("Results 1–3, best first")
    expect(box).to_be_focused()
    expect(box).to_have_value(TRUCK)


def test_a_search_does_not_load_the_page_again(page: Page, at, library):
    page.goto(at())
    page.evaluate("window.same = true")
    page.get_by_role("searchbox", name="Describe").fill(CAR)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(results(page)).to_have_text(["A car", "Both", "A truck"])
    assert page.evaluate("window.same")


def test_a_filter_applies_at_once_and_combines_with_the_words(page: Page, at, library):
    page.goto(at(f"/?q={TRUCK}"))
    tag = tags(page).get_by_role("checkbox", name="snow")
    tag.check()
    expect(results(page)).to_have_text(["A truck", "Both"])
    expect(page).to_have_url(at("/?q=white+truck+in+a+snow+day&tag=snow"))
    expect(tag).to_be_focused()
    page.get_by_role("checkbox", name="vehicle").check()
    expect(results(page)).to_have_text(["A truck"])


def test_more_like_this_ranks_by_the_picture_within_the_filters(page: Page, at, library):
    page.goto(at("/?tag=vehicle"))
    page.get_by_role("link", name="More like this A car").click()
    expect(page).to_have_url(at(f"/?tag=vehicle&like={library['car'].pk}"))
    expect(results(page)).to_have_text(["A car", "A truck"])
    chip = page.get_by_role("link", name="Remove Like A car")
    expect(chip.locator("img")).to_have_js_property("complete", True)
    tags(page).get_by_role("checkbox", name="vehicle").uncheck()
    expect(results(page)).to_have_text(["A car", "Both", "A truck"])
    expect(page).to_have_url(at(f"/?like={library['car'].pk}"))


def test_words_typed_after_more_like_this_are_looked_for_together_with_it(page: Page, at, library):
    page.goto(at(f"/?like={library['car'].pk}"))
    page.get_by_role("searchbox", name="Describe").fill(TRUCK)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(results(page).first).to_have_text("Both")
    expect(page).to_have_url(at(f"/?q=white+truck+in+a+snow+day&like={library['car'].pk}"))


def test_a_reference_typed_in_the_box_becomes_a_chip(page: Page, at, library):
    page.goto(at())
    box = page.get_by_role("searchbox", name="Describe")
    box.fill(f"red  like:{library['car'].pk}")
    box.press("Enter")
    expect(page.get_by_role("link", name="Remove Like A car")).to_be_visible()
    expect(box).to_have_value("red")
    box.fill("")
    box.press("Enter")
    expect(page).to_have_url(at(f"/?like={library['car'].pk}"))
    expect(results(page)).to_have_text(["A car", "Both", "A truck"])


def test_the_box_shows_the_search_as_it_was_understood_without_losing_the_focus(page: Page, at, library):
    page.goto(at())
    page.evaluate("window.same = true")
    box = page.get_by_role("searchbox", name="Describe")
    box.fill("black   car -(snow)")
    box.press("Enter")
    expect(box).to_have_value("black car -snow")
    expect(box).to_be_focused()
    assert page.evaluate("window.same")


def test_an_order_applies_at_once(page: Page, at, library):
    page.goto(at(f"/?like={library['car'].pk}"))
    page.get_by_label("Order").select_option("Title")
    expect(page).to_have_url(at(f"/?like={library['car'].pk}&sort=title"))
    expect(results(page)).to_have_text(["A car", "A truck", "Both"])


def test_counts_come_after_the_results_follow_the_search_and_narrow_it_down(page: Page, at, library):
    page.goto(at())
    counts = page.locator("#facets")
    expect(counts.get_by_role("link", name="snow 2")).to_be_visible()
    page.get_by_role("searchbox", name="Describe").fill('"truck"')
    page.get_by_role("searchbox", name="Describe").press("Enter")
    expect(results(page)).to_have_text(["A truck"])
    expect(counts.get_by_role("link", name="snow")).to_have_count(0)  # it would keep what there is
    page.goto(at())
    counts.get_by_role("link", name="vehicle 2").click()
    expect(page).to_have_url(at("/?tag=vehicle"))
    expect(results(page)).to_have_text(["A car", "A truck"])


def test_a_chip_takes_its_filter_away_from_results_and_form(page: Page, at, library):
    page.goto(at(f"/?q={TRUCK}&tag=snow&tag=vehicle"))
    page.get_by_role("link", name="Remove Tags vehicle").click()
    expect(results(page)).to_have_text(["A truck", "Both"])
    tags(page)
    expect(page.get_by_role("checkbox", name="vehicle")).not_to_be_checked()
    expect(page.get_by_role("checkbox", name="snow")).to_be_checked()
    page.get_by_role("link", name="Clear all").click()
    expect(results(page)).to_have_text(["A truck", "Both", "A car"])
    expect(page).to_have_url(at("/?q=white+truck+in+a+snow+day"))


def test_back_and_forward_bring_the_search_back_with_its_words_and_filters(page: Page, at, library):
    page.goto(at())
    box = page.get_by_role("searchbox", name="Describe")
    box.fill(TRUCK)
    box.press("Enter")
    expect(results(page)).to_have_text(["A truck", "Both", "A car"])
    tags(page).get_by_role("checkbox", name="snow").check()
    expect(results(page)).to_have_text(["A truck", "Both"])
    page.go_back()
    expect(results(page)).to_have_text(["A truck", "Both", "A car"])
    tags(page)
    expect(page.get_by_role("checkbox", name="snow")).not_to_be_checked()
    expect(box).to_have_value(TRUCK)
    page.go_back()
    expect(results(page)).to_have_text(["Both", "A car", "A truck"])
    expect(box).to_have_value("")
    page.go_forward()
    expect(results(page)).to_have_text(["A truck", "Both", "A car"])
    box.fill(CAR)
    box.press("Enter")
    expect(results(page)).to_have_text(["A car", "Both", "A truck"])


def test_back_from_an_asset_shows_the_whole_page_again(page: Page, at, library):
    page.goto(at())
    tags(page).get_by_role("checkbox", name="snow").check()
    expect(results(page)).to_have_text(["Both", "A truck"])
    results(page).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Both")
    page.go_back()
    expect(page.get_by_role("searchbox", name="Describe")).to_be_visible()
    expect(results(page)).to_have_text(["Both", "A truck"])
    expect(tags(page).get_by_role("checkbox", name="snow")).to_be_checked()


def test_the_next_page_starts_at_its_top_with_the_focus_on_the_results(page: Page, at, library, monkeypatch):
    monkeypatch.setattr("search.page.views.PAGE_SIZE", 2)
    page.goto(at())
    page.get_by_role("link", name="Next").click()
    expect(results(page)).to_have_text(["A truck"])
    expect(page).to_have_url(at("/?page=2"))
    expect(page.locator("#results h2")).to_be_focused()
    page.get_by_role("link", name="Previous").click()
    expect(results(page)).to_have_text(["Both", "A car"])
    assert "page=" not in page.url


def test_a_mistake_is_said_beside_its_field(page: Page, at, library, complaints):
    page.goto(at())
    page.get_by_text("Kind, dates, ids").click()
    page.locator("#id_id__gte").fill("many")
    page.locator("#id_id__gte").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Id from")
    expect(page.locator("#id_id__gte_error")).to_be_visible()
    expect(page.locator("#id_id__gte")).to_have_value("many")
    assert all("400" in complaint for complaint in complaints)
    complaints.clear()
    page.locator("#id_id__gte").fill(str(library["car"].pk))
    page.locator("#id_id__gte").press("Enter")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(results(page)).to_have_text(["Both", "A car"])


def test_when_the_library_does_not_answer_the_page_says_so_until_it_does(page: Page, at, library, complaints):
    page.goto(at())
    page.route("**/?q=*", lambda route: route.abort())
    box = page.get_by_role("searchbox", name="Describe")
    box.fill(TRUCK)
    box.press("Enter")
    expect(page.get_by_role("status")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("The library did not answer. Try again in a moment.")
    expect(results(page)).to_have_count(3)
    page.unroute("**/?q=*")
    box.press("Enter")
    expect(results(page)).to_have_text(["A truck", "Both", "A car"])
    expect(page.get_by_role("status")).to_have_text("Results 1–3, best first")
    complaints.clear()  # the browser's own line about the request that failed


def test_somebody_signed_out_meanwhile_is_led_to_the_sign_in(page: Page, at, library, settings, complaints):
    page.goto(at())
    page.wait_for_load_state("networkidle")  # the pictures too
    settings.DAM_PUBLIC_READ = False
    tags(page).get_by_role("checkbox", name="snow").check()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "tag%3Dsnow" in page.url  # and will be led back
    # A picture that the browser asks for after the sign-out is refused, rightly, and it says so.
    complaints[:] = [complaint for complaint in complaints if "404" not in complaint]
