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
    f"q={'x' * 513}": "Search",
    "q=a%00b": "Search",
    "like=abc": "Like: like:abc is no asset",
    f"like={HUGE}": "Like",
    "like=999999": "Like: There is no asset 999999.",
    "like=-1": "only something to avoid",
    "q=-truck": "only something to avoid",
    f"like={'0' * 30}{'9' * 5000}": "Like",
    "like=1&mode=keyword": "Search in",
    "mode=telepathy": "Search in",
    "sort=password": "Order",
    "q=a^1e308": "Search",
    "q=a^x^1e": "Search",
    "picture=forged": "Picture: The picture of this search has a token that is not ours",
    "picture=a%00b": "Picture",
    "url=https://example.com/a.jpg": "Picture on the web: Sign in",
    "q=url:http://169.254.169.254/": "Picture on the web: Sign in",
    "year=12": "Year",
    "year=x": "Year",
    f"q={'+'.join(f'-w{number}' for number in range(50))}": "at most 16 parts",
    "page=abc": "Page",
    "page=0": "Page",
    "page=-1": "Page",
    f"page={HUGE}": "Page",
    f"page={'9' * 5000}": "Page",
    "page=2": "Page",
}


@pytest.mark.parametrize("query", WRONG, ids=lambda query: query[:30])
def test_a_wrong_parameter_is_named_and_answered_with_400(see, make_asset, small_space, query):
    make_asset()
    seen = see(f"/?{query}", follow=True)
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
    assert [item.split(":")[0] for item in items] == ["Page", "Id from", "Created from"]


@pytest.mark.parametrize("query", ["q=%ff%fe", "q=%F0%9F%9A%9A", "tag=<script>alert(1)</script>"])
def test_odd_bytes_and_markup_come_back_as_text(see, make_asset, bundled_model, query):
    make_asset()
    seen = see(f"/?{query}")
    assert seen.status in (200, 400)
    assert "<script>alert" not in seen.html


@pytest.mark.parametrize("name", ["semantic", "similar_to", "ordering", "id", "page_size"])
def test_names_that_other_searches_have_are_no_parameters_of_the_page(see, make_asset, name):
    make_asset()
    assert f"There is no filter named “{name}”." in see(f"/?{name}=1").one("div", "problems").text


def test_a_query_that_cannot_be_read_comes_back_as_it_was_typed(see, db):
    seen = see("/", data={"q": "truck^1e9 -car", "mode": "semantic", "tag": "nowhere"})
    field = seen.one("input", id="id_q")
    assert field.attributes["value"] == "truck^1e9 -car"
    assert field.attributes["aria-invalid"] == "true"
    assert "The weight of “truck”" in seen.one("p", id="id_q_error").text
    assert "selected" in seen.one("option", value="semantic").attributes
    assert seen.links("Search") == ["#id_q"]


def test_the_page_takes_no_other_method(client, public, db):
    assert client.put("/").status_code == 405


def test_an_address_that_is_nothing_is_a_404_in_the_page_s_own_words(see, db):
    seen = see("/nothing-here/")
    assert seen.status == 404
    assert "There is nothing here" in seen.html
