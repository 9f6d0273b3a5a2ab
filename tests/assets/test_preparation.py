"""A stored original is decoded once: renditions, sizes, and what the camera wrote."""

from datetime import UTC, datetime
from io import BytesIO

import pytest
from django.db import IntegrityError
from PIL import ExifTags, Image

from assets.ledger import State
from assets.models import Asset
from assets.preparation import prepare_batch, sandbox
from assets.signals import prepared

pytestmark = pytest.mark.django_db


def prepare(make_asset, **options) -> Asset:
    asset = make_asset(**options)
    prepare_batch()
    asset.refresh_from_db()
    return asset


def rendition(asset: Asset, preset: str) -> Image.Image:
    return Image.open(BytesIO(asset.rendition(preset).file.open().read()))


def test_an_asset_gets_a_preview_and_a_thumbnail_in_webp(make_asset, picture):
    asset = prepare(make_asset, data=picture(size=(3000, 2000), format="JPEG"))
    assert asset.state == State.READY
    assert (asset.width, asset.height) == (3000, 2000)
    for preset, size in {"preview": (1024, 683), "thumbnail": (320, 213)}.items():
        image = rendition(asset, preset)
        assert (image.format, image.size) == ("WEBP", size)
        assert (asset.rendition(preset).width, asset.rendition(preset).height) == size


def test_a_small_picture_is_not_enlarged(make_asset, picture):
    assert rendition(prepare(make_asset, data=picture(size=(50, 40))), "preview").size == (50, 40)


def test_renditions_are_turned_upright_and_carry_no_metadata(make_asset, picture):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # the camera was held on its side
    exif[ExifTags.Base.Artist] = "somebody"
    asset = prepare(make_asset, data=picture(size=(200, 100), format="JPEG", exif=exif))
    assert (asset.width, asset.height) == (100, 200)
    image = rendition(asset, "preview")
    assert image.size == (100, 200)
    assert not image.getexif()
    assert asset.metadata["artist"] == "somebody"


def test_the_time_and_the_place_of_a_photograph_are_read_from_it(make_asset, picture):
    exif = Image.Exif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    details[ExifTags.Base.OffsetTimeOriginal] = "+02:00"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "S", (33.0, 51.0, 36.0)
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E", (151.0, 12.0, 36.0)
    asset = prepare(make_asset, data=picture(format="JPEG", exif=exif))
    assert asset.taken_at == datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC)
    assert asset.metadata["gps"] == {"latitude": -33.86, "longitude": 151.21}


def test_a_time_that_somebody_entered_is_kept(make_asset, picture):
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    entered = datetime(1999, 1, 1, tzinfo=UTC)
    asset = prepare(make_asset, data=picture(format="JPEG", exif=exif), taken_at=entered)
    assert asset.taken_at == entered


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_every_format_that_is_accepted_can_be_decoded(make_asset, picture, format):
    import pillow_heif

    pillow_heif.register_heif_opener()
    asset = prepare(make_asset, data=picture(format=format))
    assert (asset.state, asset.problem, asset.width) == (State.READY, "", 64)


def test_transparent_pictures_stand_on_white(make_asset):
    buffer = BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(buffer, "PNG")
    image = rendition(prepare(make_asset, data=buffer.getvalue()), "thumbnail")
    assert image.convert("RGB").getpixel((20, 20)) == (255, 255, 255)


def test_listeners_get_each_decoded_picture_large_enough_to_embed(make_asset, picture):
    taken = {}

    def listen(pictures, **kwargs):
        taken.update(pictures)

    prepared.connect(listen)
    try:
        asset = prepare(make_asset, data=picture(size=(3000, 2000), format="JPEG"))
    finally:
        prepared.disconnect(listen)
    assert taken[asset.pk, 0].mode == "RGB"
    assert taken[asset.pk, 0].size == (672, 448)


@pytest.mark.parametrize("size", [(4000, 3000), (1200, 900), (900, 1600), (1620, 1080), (1500, 1000)])
def test_what_is_handed_on_has_the_proportions_of_the_original(picture, tmp_path, size):
    (tmp_path / "picture").write_bytes(picture(size=size, format="JPEG"))
    handed_on = sandbox().decode(tmp_path / "picture", presets={}, side=448, max_pixels=10**8).picture
    assert 448 <= min(handed_on.size) <= 480
    for model in (96, 224, 256, 336, 384):
        ours, theirs = (int(model * max(of) / min(of)) for of in (handed_on.size, size))
        assert ours == theirs


@pytest.mark.parametrize(("width", "longest"), [(4032, 1008), (4000, 1000), (3800, 1024), (1024, 1024), (640, 640)])
def test_a_jpeg_whose_quarter_is_almost_a_preview_is_decoded_to_it(make_asset, picture, width, longest):
    asset = prepare(make_asset, data=picture(size=(width, width * 3 // 4), format="JPEG"))
    assert (asset.width, asset.rendition("preview").width) == (width, longest)


def test_an_original_that_storage_lost_is_quarantined_after_three_attempts(make_asset, files):
    asset = make_asset()
    (files / "originals" / asset.original.name).unlink()
    for _attempt in range(4):
        prepare_batch()
    asset.refresh_from_db()
    assert (asset.state, asset.attempts) == (State.QUARANTINED, 3)
    assert "No such file" in asset.problem


def test_an_asset_waits_without_losing_an_attempt_while_storage_does_not_answer(make_asset, monkeypatch):
    asset = make_asset()

    def down(*args: object) -> None:
        raise ConnectionError("storage is down")

    monkeypatch.setattr("assets.storage.AtomicFileSystemStorage.path", down)
    prepare_batch()
    asset.refresh_from_db()
    assert (asset.state, asset.attempts) == (State.PENDING, 0)
    assert asset not in Asset.objects.claimable()  # left alone for a while, not tried in a tight loop


@pytest.mark.parametrize("written", ["9999:12:31 23:59:59", "0001:01:01 00:00:00", "1700:01:01 00:00:00"])
@pytest.mark.parametrize("offset", ["-12:00", "+14:00"])
def test_a_year_that_no_photograph_was_taken_in_is_left_out(make_asset, picture, written, offset):
    exif = Image.Exif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal], details[ExifTags.Base.OffsetTimeOriginal] = written, offset
    asset = prepare(make_asset, data=picture(format="JPEG", exif=exif))
    assert (asset.state, asset.taken_at) == (State.READY, None)


def test_the_database_refuses_a_date_that_could_not_be_read_back(make_asset):
    with pytest.raises(IntegrityError, match="taken_at_is_plausible"):
        make_asset(taken_at=datetime(2999, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("size", [(1, 3000), (3000, 2), (3000, 1000)])
def test_of_a_slim_picture_the_middle_is_handed_on(picture, tmp_path, size):
    (tmp_path / "slim.png").write_bytes(picture(size=size))
    handed_on = sandbox().decode(tmp_path / "slim.png", presets={}, side=448, max_pixels=10**8).picture
    assert min(handed_on.size) == min(448, *size)
    assert max(handed_on.size) <= 4 * min(handed_on.size)


def test_a_problem_names_no_path_of_the_server(make_asset):
    asset = prepare(make_asset, data=b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    assert asset.state == State.QUARANTINED
    assert "/" not in asset.problem
