"""A very large or slim picture has tiles, an ordinary one has none."""

import pytest
from PIL import Image

from assets.imaging.tiles import GRID, MOST, boxes, tiles
from assets.ledger import State
from assets.models import Rendition
from assets.preparation import prepare_batch


@pytest.mark.parametrize("size", [(100, 50), (6000, 4000), (8064, 6048), (4000, 10), (1000, 300), (448, 448)])
def test_what_a_model_sees_well_enough_has_no_tiles(size):
    assert boxes(*size) == []


def test_a_large_picture_is_cut_three_by_three_with_overlap():
    cut = boxes(9000, 6000)
    assert len(cut) == GRID * GRID
    assert cut[0] == (0, 0, 3600, 2400)
    assert cut[-1] == (5400, 3600, 3600, 2400)
    for place in range(0, 9000 - 1800, 50):  # a fifth as wide as the picture
        assert any((left <= place and place + 1800 <= left + wide) or place < left for left, _t, wide, _h in cut)


@pytest.mark.parametrize("size", [(5000, 1000), (1000, 5000), (1500, 500), (90_000, 900)])
def test_a_slim_picture_is_cut_into_squares_from_end_to_end(size):
    cut = boxes(*size)
    assert 2 <= len(cut) <= MOST
    short = min(size)
    assert {(wide, high) for _left, _top, wide, high in cut} == {(short, short)}
    assert cut[0][:2] == (0, 0)
    assert (cut[-1][0] + short, cut[-1][1] + short) == size


def test_a_tile_shows_its_part_of_the_original():
    picture = Image.new("RGB", (900, 600), "white")
    picture.paste("red", (540, 360, 900, 600))  # where the last tile of an original ten times as large is
    *others, last = tiles(picture, 9000, 6000, 1024)
    assert last.place == {"kind": "tile", "box": [5400, 3600, 3600, 2400]}
    assert last.picture.size == (360, 240)
    assert last.picture.getcolors() == [(360 * 240, (255, 0, 0))]
    assert others[0].picture.getcolors() == [(360 * 240, (255, 255, 255))]


@pytest.mark.django_db
def test_a_panorama_is_prepared_with_its_tiles_upright(make_asset, picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # held on its side: the original is upright at 500 × 2000
    asset = make_asset(data=picture(size=(2000, 500), format="JPEG", exif=exif))
    prepare_batch()
    asset.refresh_from_db()
    assert (asset.state, asset.width, asset.height) == (State.READY, 500, 2000)
    assert [segment.box for segment in asset.segments.order_by("number")] == [
        [0, 0, 500, 500], [0, 500, 500, 500], [0, 1000, 500, 500], [0, 1500, 500, 500],
    ]  # fmt: skip
    assert Rendition.objects.filter(asset=asset).count() == 2 * 5
    assert asset.segments.order_by("number")[0].label == "tile 1"
