"""A scene is plain data; `render(scene, size)` draws it.

    {"background": "snow", "seed": 7, "objects": [{"glyph": "🚚", "tint": "white" | None, "x": 0.5, "y": 0.6,
     "size": 0.4, "rotation": -8.0, "mirror": False}]}

x and y are the centre and size the longer side of the glyph, all as fractions of the picture's side; rotation
is in degrees.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from demo.backgrounds import BACKGROUNDS, paint
from demo.glyphs import COLOURS, bitmap, dominant_colour, vocabulary

Scene = dict[str, Any]

MARGIN = 14  # px around a sprite for its outline and shadow, at the font's own scale
LEVELS = (1.0, 0.5, 0.25)  # pre-scaled copies of a sprite
VARIANTS = 40  # painted backgrounds of each kind
DARK_LIGHT: dict[str, tuple[tuple[int, int, int], ...]] = {  # shadow, middle and light of a tint
    "red": ((90, 0, 8), (222, 30, 38), (255, 160, 150)),
    "orange": ((120, 48, 0), (248, 128, 14), (255, 212, 150)),
    "yellow": ((140, 98, 0), (250, 212, 22), (255, 246, 176)),
    "green": ((0, 58, 14), (40, 160, 54), (176, 232, 160)),
    "blue": ((0, 22, 96), (32, 96, 226), (160, 204, 255)),
    "purple": ((46, 0, 84), (132, 48, 190), (216, 172, 246)),
    "pink": ((140, 20, 80), (250, 116, 176), (255, 210, 230)),
    "brown": ((42, 20, 6), (122, 72, 36), (198, 156, 116)),
    "black": ((0, 0, 2), (26, 26, 30), (84, 84, 90)),
    "white": ((172, 174, 180), (238, 239, 242), (255, 255, 255)),
    "gray": ((62, 64, 68), (132, 134, 138), (196, 198, 202)),
}


def tinted(image: Image.Image, tint: str) -> Image.Image:
    """The glyph repainted in one colour; its own light and dark stay visible. RGBA in and out."""
    rgba = np.asarray(image).astype(np.float32)
    light = rgba[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    inside = rgba[..., 3] > 128
    low, high = np.percentile(light[inside], [3, 97]) if inside.any() else (0, 255)
    level = np.clip((light - low) / max(high - low, 40), 0, 1) * 0.8 + 0.1
    ramp = np.array(DARK_LIGHT[tint], np.float32)
    out = np.stack([np.interp(level, [0, 0.55, 1], ramp[:, k]) for k in range(3)] + [rgba[..., 3]], -1)
    return Image.fromarray(out.round().astype(np.uint8), "RGBA")


@functools.lru_cache(maxsize=12_000)
def sprite(glyph: str, tint: str | None) -> tuple[Image.Image, ...]:
    """A glyph as a sticker (thin white outline, soft shadow), tinted, at LEVELS scales; RGBA."""
    image = bitmap(glyph) if tint is None else tinted(bitmap(glyph), tint)
    canvas = Image.new("RGBA", (image.width + 2 * MARGIN, image.height + 2 * MARGIN), (255, 255, 255, 0))
    canvas.paste(image, (MARGIN, MARGIN))
    alpha = canvas.getchannel("A")
    outline = alpha.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.GaussianBlur(1))
    shadow = alpha.filter(ImageFilter.GaussianBlur(5)).point(lambda a: a * 0.45)
    below = Image.new("RGBA", canvas.size, (20, 22, 30, 0))
    below.putalpha(shadow)
    white = Image.new("RGBA", canvas.size, (255, 255, 255, 0))
    white.putalpha(outline)
    below.alpha_composite(white)
    below.alpha_composite(canvas)
    full = below.convert("RGBa")
    return tuple(
        (
            full if s == 1 else full.resize((round(full.width * s), round(full.height * s)), Image.Resampling.BOX)
        ).convert("RGBA")
        for s in LEVELS
    )


@functools.lru_cache(maxsize=2_000)
def _painted(kind: str, size: int, variant: int) -> Image.Image:
    return paint(kind, size, variant)


def _background(scene: Scene, size: int) -> Image.Image:
    """A painted variant, cropped a little, perhaps mirrored, lighter or darker, as the scene's seed decides."""
    rng = random.Random(scene.get("seed", 0))
    picture = _painted(scene["background"], round(size * 1.15), rng.randrange(VARIANTS))
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    span = picture.width - size
    left, top = round(rng.random() * span), round(rng.random() * span)
    picture = picture.crop((left, top, left + size, top + size))
    gain = rng.uniform(0.88, 1.08)
    return picture.point(lambda v: min(255, v * gain))


def render(scene: Scene, size: int = 512) -> Image.Image:
    """Scene → RGB picture of size x size px."""
    canvas = _background(scene, size)
    for thing in scene["objects"]:
        levels = sprite(thing["glyph"], thing["tint"])
        body = max(levels[0].size) - 2 * MARGIN
        scale = thing["size"] * size / body  # of the full-scale sprite
        index = max(i for i, level in enumerate(LEVELS) if i == 0 or level >= scale)
        source = levels[index]
        k = scale * levels[0].width / source.width
        angle = math.radians(thing["rotation"])
        cos, sin = math.cos(angle) / k, math.sin(angle) / k
        side = math.ceil(k * math.hypot(*source.size))
        half, flip = side / 2, -1 if thing["mirror"] else 1
        matrix = (
            flip * cos,
            flip * -sin,
            source.width / 2 - flip * (cos - sin) * half,
            sin,
            cos,
            source.height / 2 - (sin + cos) * half,
        )
        patch = source.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        canvas.paste(patch, (round(thing["x"] * size - half), round(thing["y"] * size - half)), patch)
    return canvas


def colour_of(thing: dict[str, Any]) -> str | None:
    """What colour the object is seen in: its tint, or the glyph's own dominant colour, or None."""
    return thing["tint"] or dominant_colour(thing["glyph"])


SIZES = {1: (0.42, 0.68), 2: (0.34, 0.5), 3: (0.3, 0.42)}


def place(glyphs: Sequence[str], tints: Sequence[str | None], background: str, rng: random.Random) -> Scene:
    """Lay one to three glyphs out without much overlap."""
    low, high = SIZES[len(glyphs)]
    things: list[dict[str, Any]] = []
    for glyph, tint in zip(glyphs, tints, strict=True):
        size = rng.uniform(low, high)
        for _ in range(30):
            reach = size * 0.48
            x, y = rng.uniform(reach, 1 - reach), rng.uniform(reach, 1 - reach)
            if all(math.hypot(x - o["x"], y - o["y"]) > 0.42 * (size + o["size"]) for o in things):
                break
            size = max(low * 0.9, size * 0.97)
        things.append(
            {
                "glyph": glyph,
                "tint": tint,
                "x": round(x, 4),
                "y": round(y, 4),
                "size": round(size, 4),
                "rotation": round(rng.gauss(0, 9), 2),
                "mirror": rng.random() < 0.5,
            }
        )
    return {"background": background, "seed": rng.randrange(1 << 30), "objects": things}


def random_scene(
    rng: random.Random,
    glyphs: Sequence[str] | None = None,
    backgrounds: Sequence[str] = BACKGROUNDS,
    colours: Sequence[str] = COLOURS,
    tint_share: float = 0.5,
) -> Scene:
    """A scene with one to three objects drawn evenly from `glyphs` (default: the whole vocabulary)."""
    pool = vocabulary() if glyphs is None else glyphs
    count = rng.choices((1, 2, 3), (0.3, 0.4, 0.3))[0]
    chosen = [rng.choice(pool) for _ in range(count)]
    tints = [rng.choice(colours) if rng.random() < tint_share else None for _ in chosen]
    return place(chosen, tints, rng.choice(backgrounds), rng)
