"""Every step is a link or a form that a browser can do by itself."""


def test_the_search_is_a_get_form_with_a_button(see, make_asset):
    make_asset()
    seen = see("/")
    form = seen.one("form", id="search")
    assert form.attributes["action"] == "/"
    assert form.attributes.get("method", "get") == "get"
    assert [button.text for button in seen.all("button")] == ["Search", "Apply filters"]


def test_everything_htmx_fetches_is_a_plain_address_too(see, make_asset, monkeypatch):
    monkeypatch.setattr("search.views.PAGE_SIZE", 1)
    make_asset(), make_asset()
    fetched = [e for e in see("/").elements if "hx-get" in e.attributes]
    assert len(fetched) == 2  # the form and "Next"
    for element in fetched:
        assert element.attributes["hx-get"] == element.attributes.get("href", element.attributes.get("action"))


def test_every_field_has_a_label(see, make_asset):
    from assets.models import Tag

    make_asset(tags=[Tag.named("truck")])
    seen = see("/")
    labelled = {label.attributes.get("for") for label in seen.all("label")}
    for field in [*seen.all("input"), *seen.all("select")]:
        if field.attributes.get("type") not in {"hidden", "checkbox"}:
            assert field.attributes["id"] in labelled
    assert "truck" in [label.text for label in seen.all("label")]
