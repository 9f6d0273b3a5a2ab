"""Large pictures: tiles, because a model looks at some 224 × 224 pixels of the middle and loses what is small in it.

A thing a twentieth as wide as a picture has eleven of those pixels; in a tile of two fifths it has 28. And what lies
beyond the middle square of a slim picture no model sees at all.
"""

import math
from collections.abc import Iterator

from PIL import Image

from assets.imaging.parts import Part

# More pixels than phones and most cameras make: each tile costs as much to embed and to rank as a picture of its own.
LARGE = 50_000_000
# Three by three, overlapping so much that what is a fifth as wide as the picture is whole in one of them.
GRID, SHARE = 3, 0.4
# Longer than so many times its short side a picture is slim; below so many pixels there is nothing to magnify.
SLIM, LEAST = 2.5, 448
MOST = 9

Box = tuple[int, int, int, int]


def boxes(width: int, height: int) -> list[Box]:
    """Return (left, top, width, height) of the tiles of an upright picture in pixels; none where they do not help."""
    short, long = sorted((width, height))
    if long > SLIM * short and short >= LEAST:
        count = min(MOST, math.ceil(long / short))
        places = [round(n * (long - short) / (count - 1)) for n in range(count)]
        return [(place, 0, short, short) if width == long else (0, place, short, short) for place in places]
    if width * height <= LARGE:
        return []
    wide, high = round(width * SHARE), round(height * SHARE)
    lefts = [round(n * (width - wide) / (GRID - 1)) for n in range(GRID)]
    tops = [round(n * (height - high) / (GRID - 1)) for n in range(GRID)]
    return [(left, top, wide, high) for top in tops for left in lefts]


def tiles(picture: Image.Image, width: int, height: int, longest: int) -> Iterator[Part]:
    """Yield the tiles of ``picture``, whose original is ``width`` × ``height``; ``longest`` is their longest side."""
    shrunk = picture.width / width, picture.height / height
    for number, (left, top, wide, high) in enumerate(boxes(width, height), start=1):
        area = (left * shrunk[0], top * shrunk[1], (left + wide) * shrunk[0], (top + high) * shrunk[1])
        there = area[2] - area[0], area[3] - area[1]
        scale = min(1.0, longest / max(there))
        size = max(1, round(there[0] * scale)), max(1, round(there[1] * scale))
        yield Part(
            number,
            {"kind": "tile", "box": [left, top, wide, high]},
            picture.resize(size, Image.Resampling.LANCZOS, box=area, reducing_gap=2.0),
        )
