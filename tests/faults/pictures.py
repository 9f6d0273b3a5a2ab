"""Pictures for the fault runs: each one different, and heavy enough that there is something to interrupt."""

import io
import itertools
import random
from collections.abc import Iterator

from PIL import Image, ImageDraw

_number = itertools.count()


def picture(size: tuple[int, int] = (1600, 1200)) -> bytes:
    """Return a JPEG of some shapes; no two are the same."""
    number = next(_number)
    rng = random.Random(number)
    image = Image.effect_noise((size[0] // 8, size[1] // 8), 40).resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        draw.ellipse((x, y, x + rng.randrange(20, 400), y + rng.randrange(20, 400)), tuple(rng.randbytes(3)))
    draw.text((10, 10), f"{number} {rng.random()}", fill="white")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def pictures(size: tuple[int, int] = (1600, 1200)) -> Iterator[bytes]:
    while True:
        yield picture(size)
