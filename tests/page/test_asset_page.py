"""The page of one asset: large, with what is known of it."""

import pytest
from PIL import Image

from assets.ledger import State
from assets.models import Asset, Collection, Tag
from assets.preparation import prepare_batch


@pytest.fixture
def asset(make_asset, picture):
    exif = Image.Exif()
    exif[0x010F] = "Cameraworks <b>"
    return make_asset(
        "beach.jpg",
        data=picture(size=(640, 480), format="JPEG", exif=exif),
        title="Beach & sea",
        description="A beach in the evening",
        tags=[Tag.named("Sea side")],
        collections=[Collection.named("Holidays")],
    )


def test_an_asset_shows_its_preview_facts_and_file_metadata(see, asset):
    prepare_batch()
    seen = see(asset.get_absolute_url())
    image = seen.one("img", src=f"/assets/{asset.pk}/preview.webp")
    assert image.attributes["alt"] == "A beach in the evening"
    facts = dict(zip([e.text for e in seen.all("dt")], [e.text for e in seen.all("dd")], strict=True))
    assert facts["Dimensions"] == "640 × 480"
    assert facts["File name"] == "beach.jpg"
    assert facts["Camera make"] == "Cameraworks <b>"
    assert seen.one("h1").text == "Beach & sea"


def test_tags_and_collections_lead_to_their_assets(see, asset):
    seen = see(asset.get_absolute_url())
    assert seen.links("Sea side") == ["/?tag=sea-side"]
    assert seen.links("Holidays") == ["/?collection=holidays"]
    assert see("/?tag=sea-side").names == ["Beach & sea"]


def test_the_original_can_be_downloaded_and_similar_ones_be_asked_for(see, asset):
    prepare_batch()
    seen = see(asset.get_absolute_url())
    assert seen.links("Download original") == [f"/assets/{asset.pk}/original/"]
    assert seen.links("More like this") == [f"/?like={asset.pk}"]


def test_a_thumbnail_has_a_text_that_tells_the_picture(see, asset):
    prepare_batch()
    assert see("/").one("img", loading="lazy").attributes["alt"] == "A beach in the evening"


def test_without_a_description_the_name_in_the_same_link_tells_the_picture_and_is_not_said_twice(see, asset):
    prepare_batch()
    Asset.objects.update(description="")
    seen = see("/")
    assert seen.one("img", loading="lazy").attributes["alt"] == ""
    assert "Beach & sea" in seen.one("a", href=asset.get_absolute_url()).text
    assert (
        see(asset.get_absolute_url()).one("img", src=f"/assets/{asset.pk}/preview.webp").attributes["alt"]
        == "Beach & sea"
    )


def test_a_quarantined_asset_says_why(see, asset):
    Asset.objects.update(state=State.QUARANTINED, problem="it is broken")
    seen = see(asset.get_absolute_url())
    assert seen.one("span", "placeholder").text == "quarantined: it is broken"
    assert seen.links("More like this") == see("/").links("More like this") == []
