"""A document becomes a picture of each page, the first of which is the whole; a hostile one is capped or refused."""

import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from assets.imaging import PRESETS
from assets.imaging.decoder import Undecodable
from assets.imaging.pages import MOST
from assets.imaging.sandbox import Decoded, Limits, Sandbox
from assets.ledger import State
from assets.models import Asset, Kind, Rendition
from assets.preparation import prepare_batch
from tests.support.films import document, empty_pages, scenes


@pytest.fixture
def decode(sandbox: Sandbox, tmp_path: Path):
    def decode(data: bytes, **options: Any) -> Decoded:
        (tmp_path / "document").write_bytes(data)
        settings = {"presets": PRESETS, "side": 448, "max_pixels": 200_000_000, "parts": True} | options
        return sandbox.decode(tmp_path / "document", mime_type="application/pdf", **settings)

    return decode


def prepare(make_asset, data: bytes, **options: Any) -> Asset:
    asset = make_asset("report.pdf", data=data, **options)
    prepare_batch()
    asset.refresh_from_db()
    return asset


@pytest.mark.django_db
def test_a_document_has_its_first_page_as_the_whole_and_a_segment_for_each_other(make_asset):
    pages = scenes("truck", "sailboat", "soccer")
    asset = prepare(make_asset, document(pages, title="Annual report", author="Ann"), title="Ours")
    assert (asset.state, asset.problem, asset.kind) == (State.READY, "", Kind.DOCUMENT)
    assert asset.mime_type == "application/pdf"
    assert [(s.number, s.kind, s.page, s.label) for s in asset.segments.order_by("number")] == [
        (2, "page", 2, "page 2"),
        (3, "page", 3, "page 3"),
    ]
    assert asset.metadata == {"pages": 3, "title": "Annual report", "artist": "Ann"}
    assert asset.title == "Ours"
    assert set(Rendition.objects.values_list("preset", "segment")) == {(p, n) for p in PRESETS for n in (0, 2, 3)}
    preview = asset.rendition("preview", 3)
    assert max(preview.width, preview.height) == 1024


def test_each_page_shows_itself(decode):
    colours = ["red", "lime", "blue"]
    found = decode(document([Image.new("RGB", (200, 100), colour) for colour in colours]))
    assert found.picture.getpixel((50, 50)) == pytest.approx((255, 0, 0), abs=6)
    assert (found.width, found.height) == (200, 100)
    assert found.renditions["preview"][1:] == (1024, 512)
    assert [part.place["page"] for part in found.parts] == [2, 3]


def test_of_many_pages_the_first_are_found(decode):
    found = decode(empty_pages(1000))
    assert found.metadata["pages"] == 1000
    assert [part.number for part in found.parts] == list(range(2, MOST + 1))


@pytest.mark.parametrize("box", ["0 0 1000000 1000000", "0 0 10 1000000", "0 0 1000000 1", "0 0 0.001 0.001"])
def test_a_page_of_any_size_is_rendered_small(decode, box):
    found = decode(empty_pages(2, box))
    assert max(found.renditions["preview"][1:]) <= 1024
    assert len(found.parts) == 1


def test_what_was_found_until_the_time_is_over_counts(tmp_path):
    hurried = Sandbox(Limits(processes=1, long_seconds=1))
    (tmp_path / "document").write_bytes(empty_pages(200))
    settings = {"presets": PRESETS, "side": 448, "max_pixels": 10**8, "mime_type": "application/pdf", "parts": True}
    found = hurried.decode(tmp_path / "document", **settings)
    hurried.close()
    assert 0 < len(found.parts) < 199


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (document([Image.new("RGB", (90, 60))])[:300], "cannot be opened"),
        (b"%PDF-1.7\n", "cannot be opened"),
        (empty_pages(0), "no pages|cannot be opened"),
    ],
)
def test_what_cannot_be_read_is_quarantined_in_words(make_asset, data, reason):
    asset = prepare(make_asset, data)
    assert asset.state == State.QUARANTINED
    assert re.search(reason, asset.problem)
    assert "/" not in asset.problem
    assert not Rendition.objects.exists()


def test_an_encrypted_document_is_said_to_be_encrypted(decode):
    with pytest.raises(Undecodable, match="encrypted"):
        decode(encrypted())


def test_a_picture_in_it_that_unpacks_to_gigabytes_does_no_harm(decode):
    """A bomb: 30,000 × 30,000 pixels of zeros, 2.7 GB in 2.6 MB."""
    packer = zlib.compressobj(1)
    row = bytes(30_000 * 3)
    data = b"".join(packer.compress(row) for _ in range(30_000)) + packer.flush()
    drawing = b"600 0 0 800 0 0 cm /I Do"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>",
        b"<</Length " + str(len(drawing)).encode() + b">>stream\n" + drawing + b"\nendstream",
        b"<</Type/XObject/Subtype/Image/Width 30000/Height 30000/ColorSpace/DeviceRGB/BitsPerComponent 8"
        b"/Filter/FlateDecode/Length " + str(len(data)).encode() + b">>stream\n" + data + b"\nendstream",
    ]
    body = b"".join(str(number).encode() + b" 0 obj" + text + b"endobj\n" for number, text in enumerate(objects, 1))
    try:
        outcome = str(decode(b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\n").width)
    except Undecodable as error:
        outcome = str(error)
    assert any(expected in outcome for expected in ("600", "memory", "decoder")), outcome
    assert decode(empty_pages(1)).metadata == {"pages": 1}


def encrypted() -> bytes:
    """A document whose security handler nobody's empty password opens."""
    import hashlib

    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    owner = hashlib.sha256(b"owner").digest()
    identity = hashlib.md5(b"id").hexdigest()
    assert len(padding) == len(owner) == 32
    body = empty_pages(1).replace(
        b"trailer<</Root 1 0 R>>",
        b"9 0 obj<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>endobj\ntrailer<</Root 1 0 R/Encrypt 9 0 R/ID[<%s><%s>]>>"
        % (owner.hex().encode(), b"00" * 32, identity.encode(), identity.encode()),
    )
    return body
