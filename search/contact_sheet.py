"""One picture of many results."""

import math

from PIL import Image, ImageDraw, ImageFont, ImageOps

from assets.models import Asset
from search.hits import Hit

CELL, CAPTION = 240, 28


def contact_sheet(assets: list[Asset]) -> Image.Image:
    """Return an RGB sheet of found assets' thumbnails in their order, captioned with id and similarity."""
    columns = max(1, min(5, len(assets)))
    rows = max(1, math.ceil(len(assets) / columns))
    sheet = Image.new("RGB", (columns * CELL, rows * (CELL + CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for position, asset in enumerate(assets):
        left, top = position % columns * CELL, position // columns * (CELL + CAPTION)
        if thumbnail := asset.rendition("thumbnail"):
            with thumbnail.file.open("rb") as stream, Image.open(stream) as picture:
                sheet.paste(
                    ImageOps.pad(picture.convert("RGB"), (CELL - 8, CELL - 8), color="white"), (left + 4, top + 4)
                )
        hit: Hit = asset.hit  # type: ignore[attr-defined]
        caption = f"{asset.pk}" if hit.similarity is None else f"{asset.pk}   {hit.similarity:.3f}"
        draw.text((left + 6, top + CELL), caption, "black", font)
    return sheet
