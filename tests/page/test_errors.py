"""What cannot be understood is answered with 400 and said beside its field; nothing a visitor sends is a 500."""

import pytest

HUGE = "1" + "0" * 30
WRONG = {
    "created_after=yesterday": "Created from",
    "created_before=2026-02-30": "Created before",
    "taken_after=2026-13-01": "Taken from",
    "taken_before=%00": "Taken before",
    "id__gte=abc": "Id from",
    "id__lte=-1": "Id to",
    f"id__gt={HUGE}": "Id above",
    "id__in=1,x": "Ids",
    "tag=no-such-tag": "Tags",
    "tag=a%00b": "Tags",
    "collection=nowhere": "Collection",
    "kind=poem": "Kind",
    f"mime_type={'x' * 101}": "MIME type",
    f"semantic={'x' * 513}": "Search",
    "semantic=a%00b": "Search",
    "similar_to=abc": "Similar to",
    f"similar_to={HUGE}": "Similar to",
    "similar_to=999999": "Similar to",
    "page=abc": "Page",
    "page=0": "Page",
    "page=-1": "Page",
    f"page={HUGE}": "Page",
    f"page={'9' * 5000}": "Page",
    "page=2": "Page",
}


@pytest.mark.parametrize("query", WRONG, ids=lambda query: query[:30])
def test_a_wrong_parameter_is_named_and_answered_with_400(see, make_asset, query):
    make_asset()
    seen = see(f"/?{query}")
    assert seen.status == 400
    (problem,) = (seen.one("div", "problems").text,)
    assert WRONG[query] in problem
    assert seen.names == []


def test_an_unknown_parameter_is_named(see, make_asset):
    make_asset()
    seen = see("/?tags=truck")
    assert seen.status == 400
    assert "There is no filter named “tags”." in seen.one("div", "problems").text


def test_the_message_stands_beside_its_field_and_the_field_keeps_what_was_sent(see, make_asset):
    make_asset()
    seen = see("/?created_after=yesterday")
    field = seen.one("input", name="created_after")
    assert field.attributes["value"] == "yesterday"
    assert field.attributes["aria-invalid"] == "true"
    assert "Enter a date" in seen.one("p", "error", id=field.attributes["aria-describedby"] or "").text
    assert "open" in seen.one("details", id="filters").attributes


def test_several_mistakes_are_all_named(see, make_asset):
    make_asset()
    items = [item.text for item in see("/?created_after=x&id__gte=y&page=z").all("li") if ":" in item.text]
    assert [item.split(":")[0] for item in items] == ["Id from", "Created from", "Page"]


@pytest.mark.parametrize("query", ["semantic=%ff%fe", "semantic=%F0%9F%9A%9A", "tag=<script>alert(1)</script>"])
def test_odd_bytes_and_markup_come_back_as_text(see, make_asset, bundled_model, query):
    make_asset()
    seen = see(f"/?{query}")
    assert seen.status in (200, 400)
    assert "<script>alert" not in seen.html


def test_the_page_takes_no_other_method(client, public, db):
    assert client.post("/").status_code == 405


def test_an_address_that_is_nothing_is_a_404_in_the_page_s_own_words(see, db):
    seen = see("/nothing-here/")
    assert seen.status == 404
    assert "There is nothing here" in seen.html
