"""All state of the page is in its address, and the address holds nothing else."""

from urllib.parse import parse_qs, urlencode, urlsplit

from assets.models import Collection, Tag


def query_of(link):
    return parse_qs(urlsplit(link).query)


def test_empty_parameters_are_dropped_from_the_address(see):
    seen = see("/?q=&tag=&kind=image&created_after=%20&id__gte=3")
    assert seen.status == 302
    assert seen.response["Location"] == "/?id__gte=3&kind=image"


def test_an_address_with_nothing_but_empty_parameters_becomes_the_bare_one(see):
    assert see("/?q=&kind=").response["Location"] == "/"


def test_what_is_typed_as_a_reference_or_a_setting_becomes_a_parameter(see, make_asset, give_vector):
    asset = make_asset()
    give_vector(asset, [1])
    seen = see("/", data={"q": f"like:{asset.pk}^2 mode:semantic sort:title", "page": "1"})
    assert seen.status == 302
    assert query_of(seen.response["Location"]) == {"like": [f"{asset.pk}^2"], "mode": ["semantic"], "sort": ["title"]}


def test_every_address_leads_to_one_that_leads_nowhere_else(see, make_asset, bundled_model):
    asset = make_asset(tags=[Tag.named("truck"), Tag.named("snow")])
    for typed in [
        "red  car -night",
        '(old town)^0.5 "a b"',
        "-(a b) c",
        "a^2 a^-1 b",
        "((x",
        "mode:keyword truck",
        "“雪”",
    ]:
        for rest in ["", "&tag=truck&tag=snow&page=01", f"&like={asset.pk}&like={asset.pk}"]:
            first = see(f"/?{urlencode({'q': typed})}{rest}")
            if first.status == 302:
                assert see(first.response["Location"]).status != 302
            else:
                assert first.status in (200, 400)


def test_the_first_page_has_no_number(see, make_asset):
    make_asset()
    assert see("/?kind=image&page=1").response["Location"] == "/?kind=image"


def test_the_form_shows_what_the_address_says(see, make_asset):
    Tag.named("truck"), Tag.named("snow"), Collection.named("Winter")
    make_asset()
    seen = see("/?tag=snow&collection=winter&kind=image&created_after=2024-02-03&id__gte=1&sort=title")
    assert "checked" in seen.one("input", name="tag", value="snow").attributes
    assert "checked" not in seen.one("input", name="tag", value="truck").attributes
    assert "checked" in seen.one("input", name="collection", value="winter").attributes
    assert "selected" in seen.one("option", value="image").attributes
    assert "selected" in seen.one("option", value="title").attributes
    assert seen.one("input", name="created_after").attributes["value"] == "2024-02-03"
    assert seen.one("input", name="id__gte").attributes["value"] == "1"
    assert "open" in seen.one("details", id="more").attributes


def test_a_moment_with_a_time_of_day_stays_in_the_form(see, make_asset):
    make_asset()
    field = see("/?created_after=2024-02-03T10:00:00Z").one("input", name="created_after")
    assert (field.attributes["type"], field.attributes["value"]) == ("text", "2024-02-03T10:00:00Z")


def test_each_chip_removes_its_own_filter_and_keeps_the_others(see, make_asset):
    truck, snow = Tag.named("truck"), Tag.named("snow")
    make_asset(tags=[truck, snow])
    chips = see("/?tag=snow&tag=truck&id__gte=1&kind=image").all("a", "chip")
    left = {chip.text: query_of(chip.attributes["href"]) for chip in chips}
    assert left["Remove Tags truck ×"] == {"tag": ["snow"], "id__gte": ["1"], "kind": ["image"]}
    assert left["Remove Tags snow ×"] == {"tag": ["truck"], "id__gte": ["1"], "kind": ["image"]}
    assert left["Remove Id from 1 ×"] == {"tag": ["snow", "truck"], "kind": ["image"]}
    assert left["Remove Kind image ×"] == {"tag": ["snow", "truck"], "id__gte": ["1"]}
    assert left["Clear all"] == {}


def test_the_last_chip_leads_to_the_bare_address(see, make_asset):
    make_asset()
    assert see("/?kind=image").links("Remove") == ["."]


def test_a_filter_without_a_control_is_carried_along_by_the_form(see, make_asset):
    make_asset()
    seen = see("/?id__gt=0&mime_type=image/png")
    carried = {(e.attributes["name"], e.attributes["value"]) for e in seen.all("input", type="hidden", form="search")}
    assert carried == {("id__gt", "0"), ("mime_type", "image/png")}
    assert {chip.text for chip in seen.all("a", "chip")} >= {"Remove Id above 0 ×", "Remove MIME type image/png ×"}


def test_the_pager_keeps_the_search(see, make_asset, monkeypatch):
    monkeypatch.setattr("search.page.views.PAGE_SIZE", 2)
    for number in range(5):
        make_asset(title=f"asset {number}")
    first = see("/?kind=image")
    assert first.names == ["asset 4", "asset 3"]
    assert first.links("Previous") == []
    (to_second,) = first.links("Next")
    assert query_of(to_second) == {"kind": ["image"], "page": ["2"]}
    second = see(f"/{to_second}")
    assert second.names == ["asset 2", "asset 1"]
    assert query_of(second.links("Previous")[0]) == {"kind": ["image"]}
    last = see("/?kind=image&page=3")
    assert last.names == ["asset 0"]
    assert last.links("Next") == []


def test_changing_a_filter_starts_at_the_first_page(see, make_asset):
    make_asset()
    seen = see("/?kind=image")
    assert all("page" not in query_of(chip.attributes["href"]) for chip in seen.all("a", "chip"))
    assert seen.all("input", name="page") == []


def test_sample_searches_are_offered_until_something_is_searched(see, make_asset, give_vector):
    asset = make_asset()
    give_vector(asset, [1])
    assert "/?q=white+truck+in+a+snow+day".removeprefix("/") in see("/").links("white truck in a snow day")
    assert "lang" in see("/").one("a", lang="zh-Hans").attributes
    assert see(f"/?like={asset.pk}").links("white truck in a snow day") == []
