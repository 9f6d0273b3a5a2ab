"""The sample library answers the queries that the README offers, with the bundled model, from the first minute."""

import json

import pytest

from assets.models import Asset
from assets.preparation import prepare_batch
from dam.samples import SAMPLES, load_samples
from search import vectors
from search.tasks import embed_pending

pytestmark = pytest.mark.django_db


@pytest.fixture
def samples(bundled_model):
    assert load_samples() > 150
    while prepare_batch():
        pass
    embed_pending()


def test_the_queries_of_the_readme_find_what_they_name(samples):
    scenes = {entry["file"]: entry["scene"] for entry in json.loads((SAMPLES / "samples.json").read_text())}
    for query, (background, glyphs, tints) in {
        "white truck in a snow day": ("snow", "🚚🚛🛻", {"white"}),
        "black car in the night": ("night", "🚗🚘🚙🚕🚖", {"black"}),
        "雪地里的卡车": ("snow", "🚚🚛🛻", {"white", None, "red", "blue", "green", "black", "yellow"}),
    }.items():
        for asset in Asset.objects.all().nearest_to(vectors.text_vector(query))[:3]:
            scene = scenes[asset.filename]
            things = [thing for thing in scene["objects"] if thing["glyph"] in glyphs and thing["tint"] in tints]
            assert scene["background"] == background, f"{query}: {asset}"
            assert things, f"{query}: {asset}"


def test_a_filter_narrows_them_as_the_readme_says(samples):
    found = Asset.objects.tagged("snow").nearest_to(vectors.text_vector("a dog"))
    assert found
    assert all(asset.tags.filter(slug="snow").exists() for asset in found)


def test_loading_them_again_adds_nothing(samples):
    assert load_samples() == 0


def test_they_are_small_and_every_one_is_described():
    entries = json.loads((SAMPLES / "samples.json").read_text())
    pictures = sorted(path.name for path in SAMPLES.glob("*.webp"))
    assert sorted(entry["file"] for entry in entries) == pictures
    assert sum((SAMPLES / name).stat().st_size for name in pictures) <= 4_000_000
    assert all(entry["title"] and entry["tags"] and entry["taken_at"] for entry in entries)
