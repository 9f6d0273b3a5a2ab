"""htmx asks for the results alone; whatever is not a good answer is loaded as a whole page."""

PART = {"HX-Request": "true"}


def test_a_part_is_the_results_with_title_and_status_line(see, make_asset):
    make_asset(title="Red square")
    seen = see("/?kind=image", headers=PART)
    assert seen.names == ["Red square"]
    assert seen.all("html") == seen.all("form") == []
    assert "Search" in seen.one("title").text
    assert seen.one("p", id="status").text == "1 asset · Newest first"


def test_a_part_tells_how_many_filters_are_in_force(see, make_asset):
    make_asset()
    assert see("/?kind=image&id__gte=1", headers=PART).one("span", id="badge").text == "2"
    assert see("/", headers=PART).one("span", id="badge").text == ""


def test_the_whole_page_has_everything_once(see, make_asset):
    make_asset()
    ids = [e.attributes["id"] for e in see("/?kind=image").elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))


def test_parts_and_pages_are_told_apart_by_caches(see, db):
    assert "HX-Request" in see("/").response["Vary"]


def test_a_wrong_part_loads_the_whole_page_which_says_what_is_wrong(see, db):
    seen = see("/?created_after=yesterday", headers=PART)
    assert seen.response["HX-Redirect"] == "/?created_after=yesterday"
    assert seen.html == ""


def test_the_title_of_a_part_tells_the_search(see, make_asset, give_vector):
    asset = make_asset(title="Red square")
    give_vector(asset, [1])
    assert see(f"/?like={asset.pk}", headers=PART).one("title").text == "Like Red square · DAM"
