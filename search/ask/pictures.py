"""Which pictures are sent, and what of them: a preview, scaled and written anew, with nothing in it but its pixels."""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.conf import settings
from PIL import Image

from assets.models import Asset, Rendition
from search.results import Results

QUALITY = 82


@dataclass(frozen=True)
class Picture:
    """One picture of a request: its number in it, the asset it shows, and its bytes (JPEG, RGB)."""

    number: int
    asset: Asset
    jpeg: bytes


def chosen(results: Results, most: int) -> list[Picture]:
    """Return the best results that have a picture, at most ``most``, numbered from 1; of parts, the part found."""
    found: list[Any] = results[: 2 * most]  # some may not be prepared yet
    return _numbered(((asset, asset.segment.number if asset.segment else 0) for asset in found), most)


def of(asset: Asset) -> Picture | None:
    """Return the picture of one asset; None where it has none."""
    return next(iter(_numbered([(asset, 0)], 1)), None)


def _numbered(assets: Iterable[tuple[Asset, int]], most: int) -> list[Picture]:
    pictures: list[Picture] = []
    for asset, segment in assets:
        if len(pictures) == most:
            break
        if jpeg := _jpeg(asset, segment):
            pictures.append(Picture(len(pictures) + 1, asset, jpeg))
    return pictures


def _jpeg(asset: Asset, segment: int) -> bytes:
    """Return the preview as a JPEG; nothing where there is none, or the asset was deleted meanwhile."""
    wanted = Rendition.objects.filter(asset=asset.pk, preset="preview")
    rendition = wanted.filter(segment=segment).first() or wanted.filter(segment=0).first()
    if rendition is None:
        return b""
    try:
        with rendition.file.open("rb") as file:
            data = file.read()
    except FileNotFoundError:
        return b""
    side = settings.DAM_LLM_PICTURE_SIDE
    buffer = BytesIO()
    with Image.open(BytesIO(data), formats=["WEBP"]) as preview:
        # A picture of its own: what the preview's file may say beside its pixels stays behind.
        pixels = Image.new("RGB", preview.size, "white")
        pixels.paste(preview.convert("RGBA"), mask=preview.convert("RGBA").getchannel("A"))
    pixels.thumbnail((side, side), Image.Resampling.LANCZOS)
    pixels.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
