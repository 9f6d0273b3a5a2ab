"""The catalogue that this repository makes, imported and asked: what its facts say should be found, is found."""

import json
from pathlib import Path

import pytest
from django.http import QueryDict

from assets.models import Asset
from assets.preparation import prepare_batch
from demo import catalogue
from demo.catalogue import products
from demo.glyphs import FONT
from search.embedding import embed_batch
from search.models import EmbeddingModel
from search.query import SearchQuery
from search.results import search
from tests.catalogue.conftest import counts, run

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not FONT.exists(), reason="drawn with Noto Color Emoji (Debian: fonts-noto-color-emoji)"),
]
MINILM = "sentence-transformers:all-MiniLM-L6-v2"
BY_TITLE = {product.title: product for product in products()}


def test_it_is_the_same_every_time_and_no_two_products_or_pictures_are(tmp_path):
    assert len(BY_TITLE) == len(products()) >= 300
    for folder in ("one", "two"):
        assert catalogue.write(tmp_path / folder, limit=12) == 12
    names = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(names) == 14
    found = [[(tmp_path / folder / name).read_bytes() for name in names] for folder in ("one", "two")]
    assert found[0] == found[1]
    assert len(set(found[0])) == 14


def test_it_has_the_shape_of_published_catalogues():
    rows = list(catalogue.rows("https://shop.example/"))
    assert {len(row["descriptions"]) for row in rows} == {4}
    assert {row["split"] for row in rows} == set("01234")
    assert rows[0]["url"] == "https://shop.example/pictures/P-0001.jpg"
    assert all("ß" in row["descriptions"][2] for row in rows if "in white" in row["title"])


@pytest.fixture
def shop(tmp_path: Path, bundled_model: EmbeddingModel) -> Path:
    """All products, imported and embedded in both spaces; pictures are small ones of one colour each."""
    EmbeddingModel.objects.create(
        name=MINILM, dimensions=384, state=EmbeddingModel.State.ACTIVE, embeds="description", asked_by_picture=False
    )
    folder = tmp_path / "shop"
    catalogue.write(folder)
    assert counts(run(folder / "catalogue.jsonl")) == {"new": 368}
    while prepare_batch():
        pass
    while embed_batch():
        pass
    return folder


def found(user, address):
    results = search(SearchQuery.parse(QueryDict(address)), user)
    return [BY_TITLE[asset.title] for asset in results[0:10]], results


def test_descriptions_find_what_was_meant_in_other_words(shop, user):
    space = "&space=all-MiniLM-L6-v2"
    best, _results = found(user, f"q=green sleeveless summer wear{space}")
    right = [product.colour == "green" and product.sleeves == "none" for product in best]
    assert all(right[:5])
    assert sum(right) >= 8, [product.title for product in best]
    best, _results = found(user, f"q=something to carry books in{space}")
    assert all(product.glyph in "👜🎒" for product in best)
    best, _results = found(user, f"q=red footwear{space}")
    assert sum(product.colour == "red" and product.glyph in "👠👟🥾" for product in best[:4]) == 3
    # The picture says what no word of the question says.
    best, _results = found(user, "q=绿色的衣服&mode=semantic&space=emoji-scenes")
    assert sum(product.colour == "green" for product in best) >= 8

    best, results = found(user, "q=green dress")
    assert (best[0].colour, best[0].glyph) == ("green", "👗")
    assert {why["signal"] for why in results[0:1][0].hit.why} == {"text", "picture", "description"}
    split, _results = found(user, f"q=green sleeveless summer wear{space}&collection=catalogue-split-3")
    rows = {row["title"]: row["split"] for row in map(json.loads, (shop / "catalogue.jsonl").open())}
    assert {rows[product.title] for product in split} == {"3"}

    assert counts(run(shop / "catalogue.csv")) == {"unchanged": 368}
    assert Asset.objects.count() == 368
