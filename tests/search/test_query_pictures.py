"""Pictures to search with: kept for a day behind a signed token, or refused with the reason and not kept at all."""

import io
import time
import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.core import signing
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F
from PIL import Image, ImageDraw

from assets import remote
from assets.preparation import prepare_batch
from search import query_pictures, tasks
from search.models import QueryPicture
from search.query_pictures import UnknownPicture, UnusablePicture
from tests.assets.test_hostile_files import png_claiming

pytestmark = pytest.mark.django_db


def scene(seed: int, format: str = "JPEG", **save) -> bytes:
    """A picture with enough in it to be told apart from another."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (900, 600), tuple(rng.integers(0, 255, 3).tolist()))
    pen = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, side = rng.integers(0, 800), rng.integers(0, 500), rng.integers(30, 300)
        draw = pen.ellipse if rng.integers(2) else pen.rectangle
        draw([x, y, x + side, y + side], fill=tuple(rng.integers(0, 255, 3).tolist()))
    buffer = io.BytesIO()
    image.save(buffer, format, **save)
    return buffer.getvalue()


def upload(data: bytes, name: str = "upload.jpg") -> ContentFile:
    return ContentFile(data, name=name)


def test_a_kept_picture_is_near_to_the_asset_of_the_same_picture(bundled_model, make_asset):
    same, other = make_asset(data=scene(1)), make_asset(data=scene(2))
    prepare_batch()
    token = query_pictures.keep(upload(scene(1)))
    vector = query_pictures.vector(query_pictures.find(token), bundled_model)
    assert (vector.shape, vector.dtype) == ((bundled_model.dimensions,), np.float32)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    cosines = [float(np.asarray(asset.embeddings.get().vector) @ vector) for asset in (same, other)]
    assert cosines[0] > 0.98
    assert cosines[1] < 0.9


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_every_format_of_the_library_is_taken_whatever_the_name_says(format):
    row = query_pictures.find(query_pictures.keep(upload(scene(1, format), name="upload.bin")))
    with Image.open(io.BytesIO(row.picture)) as kept:
        assert (kept.format, kept.size) == ("WEBP", (672, 448))


def test_a_picture_is_kept_upright(bundled_model):
    exif = Image.Exif()
    exif[0x0112] = 6
    row = query_pictures.find(query_pictures.keep(upload(scene(1, exif=exif))))
    with Image.open(io.BytesIO(row.picture)) as kept:
        assert kept.size == (448, 672)
        assert not kept.getexif()


def test_a_vector_is_made_once_for_each_model_and_cannot_be_changed(bundled_model, django_assert_num_queries):
    row = query_pictures.find(query_pictures.keep(upload(scene(1))))
    first = query_pictures.vector(row, bundled_model)
    with django_assert_num_queries(0):
        assert query_pictures.vector(row, bundled_model) is first
    with pytest.raises(ValueError, match="read-only"):
        first *= 2


HOSTILE = {
    "empty": (b"", "empty.jpg is empty"),
    "text": (b"Words only\n" * 100, "text.jpg is not a picture that can be kept here"),
    "disguised": (b"GIF? No, words\n" * 100, "disguised.jpg cannot be decoded"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "svg.jpg is not a picture"),
    "html": (b"<!DOCTYPE html><script>alert(1)</script>", "html.jpg is not a picture"),
    "pdf": (b"%PDF-1.7\n" * 50, "its bytes are application/pdf"),
    "bomb": (png_claiming(50_000, 50_000), "bomb.jpg cannot be decoded: 50,000 × 50,000 pixels is over the limit"),
    "truncated": (scene(1)[:4000], "truncated.jpg cannot be decoded: .*truncated"),
    "header": (scene(1)[:12], "header.jpg cannot be decoded"),
    "pixel": (png_claiming(1, 1), "pixel.jpg has 1 × 1 pixels, too few to search with; at least 8 a side"),
    "large": (scene(1) + b"\0" * 20 * 1024 * 1024, "large.jpg is larger than the limit of 20 MB"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_refused_with_the_reason_and_not_kept(name):
    data, says = HOSTILE[name]
    with pytest.raises(UnusablePicture, match=says) as refusal:
        query_pictures.keep(upload(data, f"{name}.jpg"))
    assert "/tmp" not in str(refusal.value)
    assert not QueryPicture.objects.exists()


def test_a_line_of_pixels_is_too_few(picture):
    with pytest.raises(UnusablePicture, match="3,000 × 2 pixels, too few"):
        query_pictures.keep(upload(picture(size=(3000, 2))))


def test_the_limit_of_uploads_is_one_of_query_pictures_too(settings):
    settings.DAM_MAX_UPLOAD_BYTES = 1024 * 1024
    with pytest.raises(UnusablePicture, match="larger than the limit of 1 MB"):
        query_pictures.keep(upload(scene(1) + b"\0" * 1024 * 1024))


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x00\r\n.jpg", "x" * 5000 + ".jpg", ""])
def test_a_hostile_name_is_only_a_name(name):
    data = SimpleUploadedFile("upload.jpg", scene(1))
    data._name = name
    assert query_pictures.find(query_pictures.keep(data))
    data = SimpleUploadedFile("upload.jpg", b"no picture")
    data._name = name
    with pytest.raises(UnusablePicture) as refusal:
        query_pictures.keep(data)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 500


def test_a_picture_behind_a_url_is_kept_like_an_upload(monkeypatch, bundled_model):
    asked = {}

    def fetch(url, *, most_bytes, seconds):
        asked.update(url=url, most_bytes=most_bytes, seconds=seconds)
        return scene(1)

    monkeypatch.setattr(remote, "fetch", fetch)
    by_url = query_pictures.find(query_pictures.keep_url("https://pictures.test/a.jpg"))
    assert asked == {"url": "https://pictures.test/a.jpg", "most_bytes": 20 * 1024 * 1024, "seconds": 10}
    uploaded = query_pictures.find(query_pictures.keep(upload(scene(1))))
    vectors = [query_pictures.vector(row, bundled_model) for row in (by_url, uploaded)]
    assert vectors[0] @ vectors[1] == pytest.approx(1, abs=1e-4)


def test_what_a_url_refuses_is_refused_here_in_the_same_words():
    with pytest.raises(UnusablePicture, match=r"^169\.254\.169\.254 was not found on the public internet\.$"):
        query_pictures.keep_url("http://169.254.169.254/latest/meta-data/")
    with pytest.raises(UnusablePicture, match="not one of http or https"):
        query_pictures.keep_url("file:///etc/passwd")
    assert not QueryPicture.objects.exists()


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", png_claiming(50_000, 50_000)])
def test_what_is_no_picture_behind_a_url_is_refused_and_named_by_its_url(monkeypatch, data):
    monkeypatch.setattr(remote, "fetch", lambda url, **_limits: data)
    with pytest.raises(UnusablePicture, match=r"^https://pictures\.test/a\.jpg "):
        query_pictures.keep_url("https://pictures.test/a.jpg")
    with pytest.raises(UnusablePicture) as refusal:
        query_pictures.keep_url("https://pictures.test/" + "a" * 3000)
    assert len(str(refusal.value)) < 300
    assert not QueryPicture.objects.exists()


def test_a_token_needs_no_escaping_in_a_url():
    assert query_pictures.keep(upload(scene(1))).replace(".", "").replace("-", "").replace("_", "").isalnum()


def test_a_token_that_was_tampered_with_is_unknown():
    mine, other = (query_pictures.keep(upload(scene(seed))) for seed in (1, 2))
    key, moment, signature = mine.split(".")
    other_key = other.split(".")[0]
    forged = [
        f"{other_key}.{moment}.{signature}",
        f"{key}.zzzzzz.{signature}",
        f"{key}.{moment}.{signature[:-1]}",
        f"{key}.{moment}",
        key,
        str(uuid.UUID(key)),
        "",
        "..",
        "\x00",
        "\ud800",
        "é" * 50,
        "a" * 100_000,
        signing.TimestampSigner(sep=".").sign(key),  # ours, but signed for something else
        signing.TimestampSigner(sep=".", salt="search.query_pictures", key="guessed").sign(key),
        signing.TimestampSigner(sep=".", salt="search.query_pictures").sign("no uuid"),
    ]
    for token in forged:
        with pytest.raises(UnknownPicture, match="a token that is not ours; upload it again"):
            query_pictures.find(token)
    assert query_pictures.find(mine).pk == uuid.UUID(key)


def age(token: str, by: timedelta) -> None:
    QueryPicture.objects.filter(pk=token.split(".")[0]).update(created_at=F("created_at") - by)


EXPIRED = r"^The picture of this search has expired; upload it again\.$"


def test_a_token_is_good_for_a_day(monkeypatch):
    token, yesterdays = query_pictures.keep(upload(scene(1))), time.time() - 24 * 3600 - 5
    with monkeypatch.context() as patch:
        patch.setattr(signing.time, "time", lambda: yesterdays)
        old = query_pictures._signer.sign(token.split(".")[0])
    with pytest.raises(UnknownPicture, match=EXPIRED):
        query_pictures.find(old)
    assert query_pictures.find(token)


def test_a_row_is_good_for_a_day_on_the_clock_of_the_database():
    token = query_pictures.keep(upload(scene(1)))
    age(token, timedelta(hours=23, minutes=59))
    assert query_pictures.find(token)
    age(token, timedelta(minutes=2))
    with pytest.raises(UnknownPicture, match=EXPIRED):
        query_pictures.find(token)


def test_a_picture_that_was_deleted_meanwhile_has_expired(bundled_model):
    token = query_pictures.keep(upload(scene(1)))
    row = query_pictures.find(token)
    QueryPicture.objects.all().delete()
    for ask in (lambda: query_pictures.find(token), lambda: query_pictures.vector(row, bundled_model)):
        with pytest.raises(UnknownPicture, match=EXPIRED):
            ask()


def test_the_sweep_deletes_what_has_expired_and_nothing_else():
    old, young = (query_pictures.keep(upload(scene(seed))) for seed in (1, 2))
    age(old, timedelta(hours=24, seconds=1))
    age(young, timedelta(hours=23))
    tasks.sweep()
    assert [row.pk.hex for row in QueryPicture.objects.all()] == [young.split(".")[0]]
    assert query_pictures.forget_expired() == 0


def test_a_picture_is_found_without_reading_its_bytes():
    row = query_pictures.find(query_pictures.keep(upload(scene(1))))
    assert row.get_deferred_fields() == {"picture"}
