"""Every step is a link or a form that a browser can do by itself."""

from assets.models import Tag


def test_the_search_is_a_get_form_with_a_button(see, make_asset):
    make_asset()
    seen = see("/")
    form = seen.one("form", id="search")
    assert form.attributes["action"] == "/"
    assert form.attributes.get("method", "get") == "get"
    assert [button.text for button in seen.all("button")] == ["Search with this picture", "Search", "Apply filters"]


def test_everything_htmx_fetches_is_a_plain_address_too(see, make_asset, monkeypatch):
    monkeypatch.setattr("search.page.views.PAGE_SIZE", 1)
    make_asset(), make_asset()
    fetched = [e for e in see("/").elements if "hx-get" in e.attributes]
    assert len(fetched) == 3  # the form, the counts and "Next"
    for element in fetched:
        if element.attributes.get("id") != "facets":
            assert element.attributes["hx-get"] == element.attributes.get("href", element.attributes.get("action"))


def test_the_counts_are_a_page_of_their_own_that_leads_back(see, make_asset):
    make_asset(tags=[Tag.named("truck")])
    make_asset()
    (address,) = see("/?kind=image").links("Count the results")
    counts = see(address)
    assert counts.links("truck") == ["/?kind=image&tag=truck"]
    assert counts.links("Back to the results") == ["/?kind=image"]
    assert see(see("/").links("Count the results")[0]).links("Back to the results") == ["/"]


def test_every_field_has_a_label(see, make_asset):
    make_asset(tags=[Tag.named("truck")])
    seen = see("/")
    labelled = {label.attributes.get("for") for label in seen.all("label")}
    for field in [*seen.all("input"), *seen.all("select")]:
        if field.attributes.get("type") not in {"hidden", "checkbox"}:
            assert field.attributes["id"] in labelled
    assert "truck" in [label.text for label in seen.all("label")]
