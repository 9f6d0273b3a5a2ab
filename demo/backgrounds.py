"""Fourteen painted backgrounds: `paint(kind, size, seed)` draws one square picture, procedurally, in Pillow and
NumPy.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]


def _mix(a: Colour, b: Colour, t: float) -> Colour:
    return tuple(round(x + (y - x) * t) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def _shift(colour: Colour, rng: random.Random, amount: int = 14) -> Colour:
    return tuple(min(255, max(0, c + rng.randint(-amount, amount))) for c in colour)  # type: ignore[return-value]


class Canvas:
    """A square picture of `size` px addressed in fractions of its side, origin at the top left."""

    def __init__(self, size: int, rng: random.Random) -> None:
        self.size, self.rng = size, rng
        self.image = Image.new("RGB", (size, size))
        self.draw = ImageDraw.Draw(self.image)

    def gradient(self, top: Colour, bottom: Colour, y0: float = 0, y1: float = 1) -> None:
        a, b = round(y0 * self.size), round(y1 * self.size)
        top, bottom = _shift(top, self.rng), _shift(bottom, self.rng)
        for y in range(a, b):
            self.draw.line([(0, y), (self.size, y)], fill=_mix(top, bottom, (y - a) / max(1, b - a)))

    def polygon(self, points: list[tuple[float, float]], fill: Colour) -> None:
        self.draw.polygon([(x * self.size, y * self.size) for x, y in points], fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        s = self.size
        self.draw.rectangle([x0 * s, y0 * s, max(x0, x1) * s, max(y0, y1) * s], fill=fill)

    def disc(self, x: float, y: float, rx: float, fill: Colour, ry: float | None = None) -> None:
        s, ry = self.size, rx if ry is None else ry
        self.draw.ellipse([(x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s], fill=fill)

    def line(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, width: float) -> None:
        s = self.size
        self.draw.line([x0 * s, y0 * s, x1 * s, y1 * s], fill=fill, width=max(1, round(width * s)))

    def hills(self, y: float, height: float, fill: Colour, waves: float = 1.5) -> None:
        phase, count = self.rng.random() * 6, self.rng.uniform(0.6, 1.2) * waves
        top = [(i / 40, y + height * math.sin(phase + count * math.tau * i / 40)) for i in range(41)]
        self.polygon([*top, (1, 1), (0, 1)], fill)

    def cloud(self, x: float, y: float, r: float, fill: Colour) -> None:
        for _ in range(6):
            self.disc(
                x + self.rng.uniform(-1.4, 1.4) * r,
                y + self.rng.uniform(-0.3, 0.3) * r,
                r * self.rng.uniform(0.6, 1),
                fill,
                r * self.rng.uniform(0.35, 0.6),
            )


def snow(c: Canvas) -> None:
    c.gradient((188, 205, 224), (226, 235, 245), 0, 0.6)
    for i in range(c.rng.randint(2, 6)):
        x, h, y = c.rng.random(), c.rng.uniform(0.12, 0.25), c.rng.uniform(0.42, 0.5)
        for k in range(3):
            w = h * (0.3 + 0.12 * k)
            c.polygon(
                [
                    (x, y - h + k * h * 0.25),
                    (x - w / 2, y - h * 0.5 + k * h * 0.27),
                    (x + w / 2, y - h * 0.5 + k * h * 0.27),
                ],
                _shift((150, 178, 186) if (i + k) % 2 else (214, 228, 234), c.rng, 8),
            )
    c.hills(0.47, 0.03, _shift((234, 241, 249), c.rng, 5))
    c.hills(0.7, 0.04, _shift((246, 249, 253), c.rng, 4))
    for _ in range(c.rng.randint(50, 110)):
        c.disc(c.rng.random(), c.rng.random(), c.rng.uniform(0.004, 0.014), (255, 255, 255))


def night(c: Canvas) -> None:
    c.gradient((8, 10, 36), (32, 38, 84), 0, 1)
    for _ in range(c.rng.randint(30, 70)):
        g = c.rng.randint(150, 255)
        c.disc(c.rng.random(), c.rng.random() * 0.7, c.rng.uniform(0.002, 0.007), (g, g, min(255, g + 20)))
    if c.rng.random() < 0.6:
        x, y, r = c.rng.random(), c.rng.uniform(0.08, 0.25), c.rng.uniform(0.04, 0.08)
        c.disc(x, y, r, (242, 236, 200))
        c.disc(x + r * 0.45, y - r * 0.2, r * 0.85, (16, 19, 50))
    c.hills(c.rng.uniform(0.7, 0.85), 0.03, _shift((10, 14, 26), c.rng, 6))


def grass(c: Canvas) -> None:
    horizon = c.rng.uniform(0.12, 0.35)
    c.gradient((168, 214, 246), (214, 238, 250), 0, horizon)
    c.gradient((122, 190, 78), (72, 148, 48), horizon, 1)
    for _ in range(220):
        x, y = c.rng.random(), c.rng.uniform(horizon, 1)
        h = 0.015 + 0.04 * (y - horizon)
        c.line(x, y, x + c.rng.uniform(-0.01, 0.01), y - h, _shift((84, 162, 56), c.rng, 24), 0.004)
    for _ in range(c.rng.randint(0, 14)):
        c.disc(
            c.rng.random(),
            c.rng.uniform(horizon + 0.05, 1),
            0.008,
            c.rng.choice([(255, 255, 255), (255, 224, 90), (240, 150, 190)]),
        )


def beach(c: Canvas) -> None:
    horizon, shore = c.rng.uniform(0.18, 0.3), c.rng.uniform(0.42, 0.58)
    c.gradient((120, 196, 244), (206, 236, 250), 0, horizon)
    c.gradient((30, 140, 190), (90, 206, 214), horizon, shore)
    c.hills(shore - 0.01, 0.012, (240, 250, 252), 2)
    c.hills(shore + 0.015, 0.014, _shift((240, 218, 164), c.rng, 10), 2)
    for _ in range(90):
        c.disc(c.rng.random(), c.rng.uniform(shore + 0.05, 1), 0.004, _shift((220, 192, 134), c.rng, 14))


def sea(c: Canvas) -> None:
    horizon = c.rng.uniform(0.08, 0.3)
    c.gradient((150, 204, 238), (210, 234, 246), 0, horizon)
    c.gradient((34, 122, 184), (8, 62, 122), horizon, 1)
    for _ in range(60):
        x, y = c.rng.random(), c.rng.uniform(horizon + 0.02, 1)
        w = 0.02 + 0.1 * (y - horizon)
        s = c.size
        c.draw.arc(
            [(x - w) * s, (y - w / 3) * s, (x + w) * s, (y + w / 3) * s],
            200,
            340,
            fill=_shift((130, 196, 228), c.rng, 20),
            width=max(1, round(0.006 * s)),
        )


def road(c: Canvas) -> None:
    horizon, middle = c.rng.uniform(0.15, 0.35), c.rng.uniform(0.35, 0.65)
    c.gradient((190, 208, 222), (226, 232, 236), 0, horizon)
    c.gradient((150, 162, 112), (126, 140, 90), horizon, 1)
    c.polygon(
        [(middle - 0.08, horizon), (middle + 0.08, horizon), (1.15, 1), (-0.15, 1)], _shift((84, 86, 92), c.rng, 10)
    )
    for side in (-1, 1):
        c.line(middle + side * 0.07, horizon, 0.5 + side * 0.58, 1, (236, 236, 232), 0.01)
    for k in range(6):
        t0, t1 = (k / 6) ** 1.6, ((k + 0.5) / 6) ** 1.6
        y0, y1 = horizon + (1 - horizon) * t0, horizon + (1 - horizon) * t1
        c.line(middle + (0.5 - middle) * t0, y0, middle + (0.5 - middle) * t1, y1, (248, 222, 90), 0.008 + 0.02 * t1)


def sky(c: Canvas) -> None:
    c.gradient((68, 152, 232), (176, 220, 250))
    for _ in range(c.rng.randint(3, 7)):
        c.cloud(c.rng.random(), c.rng.random(), c.rng.uniform(0.06, 0.14), _shift((248, 251, 255), c.rng, 6))


def sunset(c: Canvas) -> None:
    horizon = c.rng.uniform(0.6, 0.8)
    c.gradient((92, 54, 124), (226, 92, 92), 0, horizon * 0.55)
    c.gradient((226, 92, 92), (255, 190, 84), horizon * 0.55, horizon)
    c.disc(c.rng.uniform(0.2, 0.8), horizon - 0.01, c.rng.uniform(0.09, 0.16), (255, 226, 130))
    c.gradient((120, 52, 66), (52, 28, 52), horizon, 1)
    for _ in range(c.rng.randint(3, 7)):
        c.disc(
            c.rng.random(),
            c.rng.uniform(0.08, horizon - 0.15),
            c.rng.uniform(0.1, 0.22),
            _shift((240, 128, 104), c.rng, 20),
            0.014,
        )


def forest(c: Canvas) -> None:
    c.gradient((150, 186, 146), (64, 104, 66), 0, 0.75)
    for depth in range(3):
        shade = _shift([(92, 136, 92), (50, 96, 58), (26, 66, 38)][depth], c.rng, 8)
        for _ in range(9):
            x, w, y = c.rng.uniform(-0.05, 1.05), c.rng.uniform(0.1, 0.2), 0.72 + 0.05 * depth
            c.box(x - 0.012, y - 0.15, x + 0.012, y, (70, 48, 34))
            for k in range(3):
                c.polygon(
                    [
                        (x, y - 0.68 + depth * 0.08 + k * 0.14),
                        (x - w * (0.3 + 0.12 * k), y - 0.36 + k * 0.12),
                        (x + w * (0.3 + 0.12 * k), y - 0.36 + k * 0.12),
                    ],
                    shade,
                )
    c.hills(0.78, 0.02, _shift((58, 76, 40), c.rng, 8))


def desert(c: Canvas) -> None:
    c.gradient((246, 208, 142), (252, 234, 190), 0, 0.45)
    if c.rng.random() < 0.7:
        c.disc(c.rng.random(), c.rng.uniform(0.08, 0.2), 0.06, (255, 246, 214))
    for k in range(3):
        c.hills(0.4 + 0.2 * k, 0.06, _shift([(232, 176, 104), (218, 152, 80), (204, 134, 64)][k], c.rng, 10), 1)


def city(c: Canvas) -> None:
    c.gradient((164, 190, 214), (222, 226, 230), 0, 0.85)
    x = -0.05
    while x < 1.05:
        w, top = c.rng.uniform(0.1, 0.2), c.rng.uniform(0.06, 0.45)
        wall = _shift(c.rng.choice([(126, 134, 148), (150, 128, 116), (104, 118, 136), (168, 160, 150)]), c.rng, 10)
        c.box(x, top, x + w, 0.86, wall)
        for row in np.arange(top + 0.03, 0.8, 0.055):
            for column in np.arange(x + 0.015, x + w - 0.025, 0.035):
                pane = (250, 228, 150) if c.rng.random() < 0.25 else (196, 214, 228)
                c.box(float(column), float(row), float(column) + 0.018, float(row) + 0.03, pane)
        x += w + c.rng.uniform(0, 0.02)
    c.box(0, 0.84, 1, 0.88, (186, 184, 180))
    c.box(0, 0.88, 1, 1, (96, 98, 104))


def room(c: Canvas) -> None:
    wall = c.rng.choice([(238, 226, 206), (222, 212, 228), (214, 228, 222), (240, 214, 200)])
    c.gradient(wall, wall, 0, 0.7)
    c.gradient((176, 126, 84), (146, 98, 62), 0.7, 1)
    for k in range(9):
        c.line(k / 8, 0.7, k / 8 + (k / 8 - 0.5) * 0.4, 1, (128, 86, 56), 0.005)
    c.box(0, 0.68, 1, 0.71, (252, 248, 240))
    x, y = c.rng.uniform(0.06, 0.6), c.rng.uniform(0.08, 0.2)
    c.box(x, y, x + 0.3, y + 0.34, (250, 250, 246))
    c.box(x + 0.02, y + 0.02, x + 0.28, y + 0.32, (172, 214, 240))
    c.line(x + 0.15, y, x + 0.15, y + 0.34, (250, 250, 246), 0.02)
    c.line(x, y + 0.17, x + 0.3, y + 0.17, (250, 250, 246), 0.02)


def rain(c: Canvas) -> None:
    c.gradient((92, 104, 122), (142, 154, 168))
    for _ in range(3):
        c.cloud(c.rng.random(), c.rng.uniform(0, 0.12), c.rng.uniform(0.12, 0.2), _shift((82, 92, 108), c.rng, 8))
    c.gradient((104, 114, 126), (82, 92, 106), 0.82, 1)
    for _ in range(c.rng.randint(3, 6)):
        c.disc(c.rng.random(), c.rng.uniform(0.85, 0.98), c.rng.uniform(0.05, 0.12), (138, 152, 168), 0.014)
    slant = c.rng.uniform(-0.03, 0.03)
    for _ in range(c.rng.randint(70, 120)):
        x, y, h = c.rng.random(), c.rng.random(), c.rng.uniform(0.04, 0.09)
        c.line(x, y, x + slant, y + h, _shift((186, 204, 222), c.rng, 14), 0.005)


def mountains(c: Canvas) -> None:
    c.gradient((132, 186, 232), (220, 236, 246), 0, 0.7)
    for depth in range(2):
        for _ in range(3):
            x, w = c.rng.uniform(-0.1, 1.1), c.rng.uniform(0.28, 0.42)
            top, base = c.rng.uniform(0.1, 0.28) + 0.12 * depth, 0.78
            c.polygon(
                [(x, top), (x - w, base), (x + w, base)], _shift([(132, 144, 166), (98, 110, 132)][depth], c.rng, 10)
            )
            t = 0.26
            y = top + (base - top) * t
            c.polygon(
                [
                    (x, top),
                    (x - w * t, y),
                    (x - w * t * 0.4, y - 0.03),
                    (x, y + 0.02),
                    (x + w * t * 0.5, y - 0.02),
                    (x + w * t, y),
                ],
                (248, 250, 253),
            )
    c.hills(0.74, 0.025, _shift((112, 160, 88), c.rng, 10))


PAINTERS: dict[str, Callable[[Canvas], None]] = {
    f.__name__: f
    for f in (snow, night, grass, beach, sea, road, sky, sunset, forest, desert, city, room, rain, mountains)
}
BACKGROUNDS: tuple[str, ...] = tuple(PAINTERS)


def paint(kind: str, size: int, seed: int) -> Image.Image:
    """One background: RGB, size x size px. The same arguments give the same picture."""
    canvas = Canvas(size * 2, random.Random(f"{kind}-{seed}"))
    PAINTERS[kind](canvas)
    return canvas.image.filter(ImageFilter.GaussianBlur(size / 256)).resize((size, size), Image.Resampling.BOX)
