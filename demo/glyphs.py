"""The vocabulary: emoji that show something one could photograph, with their names and keywords in English and
Chinese.

Sources: the bitmaps of Noto Color Emoji (Debian: fonts-noto-color-emoji, 136 x 128 px strikes) and the
annotations of Unicode CLDR (Debian: unicode-cldr-core). Neither is copied into this repository.

Left out on purpose: clock faces, arrows, keycaps, buttons, zodiac and geometric signs, flags, hearts, most
symbols, most smileys and hand signs, skin tones, and the "man/woman" duplicates of one activity. What is left
is about half of Unicode's emoji.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
from defusedxml import ElementTree
from PIL import Image, ImageDraw, ImageFont

FONT = Path(os.environ.get("DEMO_EMOJI_FONT", "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"))
CLDR = Path(os.environ.get("DEMO_CLDR", "/usr/share/unicode/cldr/common"))
FONT_SIZE = 109  # the only strike of the font, in px

CATEGORIES: dict[str, str] = dict(
    (part.strip() for part in line.split(":"))
    for line in Path(__file__).with_name("vocabulary.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)
COLOURS: tuple[str, ...] = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
    "gray",
)


@functools.cache
def vocabulary() -> tuple[str, ...]:
    """All glyphs in a fixed order; the index of a glyph here is its id everywhere in this package."""
    return tuple(dict.fromkeys(g for block in CATEGORIES.values() for g in block.split()))


@functools.cache
def glyph_ids() -> dict[str, int]:
    """Glyph to id; also under its spelling with variation selector 16."""
    ids = {}
    for i, glyph in enumerate(vocabulary()):
        ids[glyph] = ids[glyph + "\ufe0f"] = i
    return ids


def normal(glyph: str) -> str:
    """The spelling used here: without variation selectors."""
    return glyph.replace("\ufe0f", "")


@functools.cache
def annotations(language: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Glyph to (name, keywords) from CLDR for "en" or "zh"; only the vocabulary."""
    names: dict[str, str] = {}
    keywords: dict[str, tuple[str, ...]] = {}
    for folder in ("annotationsDerived", "annotations"):
        for node in ElementTree.parse(CLDR / folder / f"{language}.xml").getroot().iter("annotation"):
            glyph, text = normal(node.get("cp", "")), node.text or ""
            if node.get("type") == "tts":
                names[glyph] = text.strip()
            else:
                keywords[glyph] = tuple(word.strip() for word in text.split("|") if word.strip())
    return {g: (names.get(g, ""), keywords.get(g, ())) for g in vocabulary()}


@functools.cache
def bitmap(glyph: str) -> Image.Image:
    """The glyph as the font draws it: RGBA, cropped to what is visible, longest side about 128 px."""
    font = ImageFont.truetype(str(FONT), FONT_SIZE)
    canvas = Image.new("RGBA", (220, 180), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).text((20, 10), glyph, font=font, embedded_color=True)
    box = canvas.getbbox()
    if box is None:
        raise ValueError(f"the font draws nothing for {glyph!r}")
    return canvas.crop(box)


def pixel_colours(rgb: np.ndarray) -> np.ndarray:
    """Nearest colour name of each pixel: (n, 3) uint8 → (n,) index into COLOURS, by hue, saturation and value."""
    x = rgb.astype(np.float32) / 255
    top, low = x.max(1), x.min(1)
    chroma = top - low
    r, g, b = x.T
    safe = np.where(chroma == 0, 1, chroma)
    hue = np.select([top == r, top == g], [((g - b) / safe) % 6, (b - r) / safe + 2], (r - g) / safe + 4) * 60
    saturation = chroma / np.where(top == 0, 1, top)
    names = np.select(
        [hue < 16, hue < 40, hue < 68, hue < 165, hue < 255, hue < 295, hue < 345],
        [0, 1, 2, 3, 4, 5, 6],
        0,
    )
    names = np.where((names == 1) & (top < 0.75), 7, names)  # dark orange is brown
    names = np.where((names == 0) & (top < 0.6) & (hue > 5) & (hue < 30), 7, names)
    names = np.where(((names == 0) | (hue > 295)) & (saturation < 0.5) & (top > 0.8), 6, names)  # pale red is pink
    grey = saturation < np.where((hue > 165) & (hue < 255), 0.3, 0.16)  # Noto draws metal in bluish greys
    names = np.where(grey, 10, names)
    names = np.where(grey & (top > 0.82), 9, names)
    return np.where((top < 0.3) | (grey & (top < 0.38)), 8, names)


@functools.cache
def dominant_colour(glyph: str) -> str | None:
    """The colour name that covers more than 55 % of the glyph's opaque pixels, or None."""
    pixels = np.asarray(bitmap(glyph)).reshape(-1, 4)
    pixels = pixels[pixels[:, 3] > 200][:, :3]
    share = np.bincount(pixel_colours(pixels), minlength=len(COLOURS)) / max(1, len(pixels))
    return COLOURS[int(share.argmax())] if share.max() > 0.55 else None
