"""Bytes become assets: told apart by content, typed by content, named only for people."""

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import DataError

from assets import storage
from assets.ingest import Duplicate, Empty, Rejected, TooLarge, UnsupportedType, ingest
from assets.models import Asset

pytestmark = pytest.mark.django_db


def take(data: bytes, name: str = "a.png", **fields) -> Asset:
    return ingest(ContentFile(data), name=name, **fields)


def stored(files: Path) -> list[Path]:
    return [path for path in files.rglob("*") if path.is_file()]


def test_the_original_is_stored_under_an_address_made_of_its_content(picture, files):
    data = picture()
    asset = take(data, "Holiday.PNG")
    assert asset.original.name == f"{asset.sha256[:2]}/{asset.sha256}"
    assert stored(files) == [files / "originals" / asset.sha256[:2] / asset.sha256]
    assert asset.original.open().read() == data
    assert (asset.filename, asset.size, asset.kind, asset.mime_type) == ("Holiday.PNG", len(data), "image", "image/png")


def test_the_same_bytes_under_another_name_are_a_duplicate_that_names_the_first(picture, files):
    data = picture()
    first = take(data, "a.png")
    with pytest.raises(Duplicate) as refusal:
        take(data, "b.png")
    assert refusal.value.existing == first
    assert Asset.objects.count() == 1
    assert len(stored(files)) == 1


def test_the_type_is_read_from_the_bytes_and_not_from_the_name(picture):
    assert take(picture(format="JPEG"), "photo.png").mime_type == "image/jpeg"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Empty),
        (b"hello, I am a text", UnsupportedType),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', UnsupportedType),
        (b"<html><script>alert(1)</script></html>", UnsupportedType),
        (b"PK\x03\x04" + b"\0" * 100, UnsupportedType),
        (b"OggS" + b"\0" * 100, UnsupportedType),
    ],
)
def test_what_is_no_picture_is_refused_and_leaves_nothing(data, error, files):
    with pytest.raises(error, match=r"holiday\.jpg"):
        take(data, "holiday.jpg")
    assert not Asset.objects.exists()
    assert not stored(files)


def test_a_file_over_the_limit_is_refused(picture, settings):
    settings.DAM_MAX_UPLOAD_BYTES = 10
    with pytest.raises(TooLarge):
        take(picture())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\b.png", "b.png"),
        ("a\x00b\n.png", "ab.png"),
        ("雪.png", "雪.png"),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
        ("‮gnp.exe", "gnp.exe"),
    ],
)
def test_a_file_name_is_reduced_to_what_can_be_shown(picture, given, kept):
    assert take(picture(), given).filename == kept


@pytest.mark.parametrize("name", ["", "..", "/", "\x00", "a/.."])
def test_a_file_without_a_name_is_refused(picture, name):
    with pytest.raises(Rejected, match="no name"):
        take(picture(), name)


def test_no_object_stays_when_its_row_cannot_be_written(picture, files):
    with pytest.raises(DataError):
        take(picture(), title="x" * 300)
    assert not Asset.objects.exists()
    assert not stored(files)


def test_no_row_stays_when_its_object_cannot_be_written(picture, monkeypatch):
    def full(*args: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("assets.storage.AtomicFileSystemStorage._save", full)
    with pytest.raises(OSError, match="No space"):
        take(picture())
    assert not Asset.objects.exists()


def test_an_interrupted_write_leaves_no_part_of_a_file(picture, files):
    class Breaks(ContentFile):
        def chunks(self, chunk_size=None):
            yield b"half"
            raise OSError("connection reset")

    with pytest.raises(OSError, match="reset"):
        storage.originals().save("aa/half", Breaks(picture()))
    assert not stored(files)
