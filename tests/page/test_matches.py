"""Matches come first; what is no nearer than chance comes after a line that says so."""

import pytest

from search.models import Calibration


@pytest.fixture
def calibrated(small_space):
    """Chance is at right angles to a query; a picture is a match from a cosine of about 0.5."""
    numbers = {"centre": 0.0, "spread": 0.1}
    return Calibration.objects.create(
        model=small_space, pictures=20, library=20, numbers={"text": numbers, "picture": numbers}
    )


@pytest.fixture
def three(make_asset, give_vector):
    """At cosines of 1, 0.9 and 0 to the first."""
    assets = [make_asset(f"{name}.png", title=name) for name in ("itself", "near", "far")]
    for asset, vector in zip(assets, ([1], [0.9, 0.19**0.5], [0, 0, 1]), strict=True):
        give_vector(asset, vector)
    return assets


def test_a_line_stands_between_matches_and_weaker_matches(see, calibrated, three):
    seen = see(f"/?like={three[0].pk}")
    assert [e.text for e in seen.all("h3")] == ["Weaker matches"]
    assert seen.html.index(">near<") < seen.html.index("Weaker matches") < seen.html.index(">far<")


def test_each_result_has_a_percentage_and_the_cosine_behind_it(see, calibrated, three):
    shown = see(f"/?like={three[0].pk}").all("span", "relevance")
    assert shown[0].text == "Relevance 99 %"
    assert [e.attributes["title"] for e in shown] == ["Cosine 1.00", "Cosine 0.90", "Cosine 0.00"]
    assert shown[2].text == "Relevance 1 %"


def test_a_search_for_nothing_that_is_there_says_so_before_the_nearest(see, calibrated, three, make_asset, give_vector):
    lonely = make_asset(title="lonely")
    give_vector(lonely, [0, 0, 0, 1])
    seen = see(f"/?like={lonely.pk}&id__lt={lonely.pk}")
    assert [e.text for e in seen.all("h3")] == ["Nothing in the library matches well. The nearest:"]
    assert len(seen.names) == 3


def test_the_line_is_drawn_again_on_a_page_of_weaker_matches_alone(see, calibrated, three, monkeypatch):
    monkeypatch.setattr("search.page.views.PAGE_SIZE", 2)
    assert [e.text for e in see(f"/?like={three[0].pk}").all("h3")] == []
    second = see(f"/?like={three[0].pk}&page=2")
    assert [e.text for e in second.all("h3")] == ["Weaker matches"]
    assert second.names == ["far"]


def test_without_a_calibration_there_is_no_line_and_the_cosine_is_shown(see, three):
    seen = see(f"/?like={three[0].pk}")
    assert seen.all("h3") == []
    assert [e.text for e in seen.all("span", "relevance")] == ["Similarity 1.00", "Similarity 0.90", "Similarity 0.00"]


def test_an_order_by_a_field_is_of_the_matches_alone(see, calibrated, three):
    seen = see(f"/?like={three[0].pk}&sort=-created_at")
    assert seen.names == ["near", "itself"]
    assert seen.one("h2").text == "2 matches · Newest first"


def test_an_order_by_a_field_with_no_match_leads_to_the_nearest(see, calibrated, three, make_asset, give_vector):
    lonely = make_asset(title="lonely")
    give_vector(lonely, [0, 0, 0, 1])
    seen = see(f"/?like={lonely.pk}&id__lt={lonely.pk}&sort=title")
    assert "Nothing in the library matches well." in seen.html
    (nearest,) = seen.links("Show the nearest")
    assert len(see(f"/{nearest}").names) == 3


def test_results_say_what_of_them_was_found(see, calibrated, make_asset):
    make_asset("holiday.png", title="Red square", description="A truck in it")
    make_asset("truck.png", title="Nothing else")
    seen = see("/?q=truck&mode=keyword")
    assert {e.text for e in seen.all("li")} >= {"description: truck", "file name: truck"}


def test_the_answer_says_how_it_was_found(see, calibrated, three):
    (about,) = see(f"/?like={three[0].pk}").all("p", "about-answer")
    assert about.text.startswith("Every asset compared · test-space · 3 candidates ·")
    assert about.text.endswith(" ms")
