"""The page says which language it is in, and a foreign phrase which one that is."""

import pytest


@pytest.mark.parametrize(("asked", "declared"), [("en", "en"), ("zh-CN,zh;q=0.9", "zh-hans"), ("fr", "en")])
def test_the_language_of_the_page_is_declared(see, db, asked, declared):
    root = see("/", headers={"Accept-Language": asked}).one("html")
    assert (root.attributes["lang"], root.attributes["dir"]) == (declared, "ltr")


def test_a_chinese_sample_search_is_marked_as_chinese(see, make_asset):
    make_asset()
    assert see("/").one("a", lang="zh-Hans").text == "雪地里的卡车"
