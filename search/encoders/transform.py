"""What a picture goes through before a model looks at it: scaled, cropped or padded, as bytes. No torch."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from PIL import Image

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True)
class Transform:
    """Scaling of a picture to what a model looks at: pixel for pixel what open_clip and torchvision do.

    ``size`` is (height, width). ``mode`` says which side is scaled to it: the ``shortest``, and the middle is cut out;
    the ``longest``, and ``fill`` pads the rest; or both (``squash``), which changes the proportions. With ``short``
    the shortest side is scaled to that many pixels instead, before the middle is cut out.

    ``mean`` and ``std`` are of pixels in 0 … 1, by channel; the encoder applies them, so that what travels between
    processes is bytes.
    """

    size: tuple[int, int]
    mode: Literal["shortest", "longest", "squash"] = "shortest"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    fill: tuple[int, int, int] = (0, 0, 0)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    short: int | None = None

    def __call__(self, picture: Image.Image) -> np.ndarray:
        """Return the pixels of an RGB picture, uint8 of shape (height, width, 3)."""
        width, height = self._scaled(*picture.size)
        if (width, height) != picture.size:
            picture = picture.resize((width, height), _FILTERS[self.interpolation])
        return np.asarray(self._cut(picture))

    def stack(self, pictures: list[Image.Image]) -> np.ndarray:
        """Return the pixels of RGB pictures, uint8 of shape (n, height, width, 3)."""
        pixels = np.empty((len(pictures), *self.size, 3), dtype=np.uint8)
        for place, picture in zip(pixels, pictures, strict=True):
            place[:] = self(picture)
        return pixels

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, for ``from_dict``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the transform that ``as_dict`` described; raise TypeError when it did not."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**fields)

    def _scaled(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height to scale to, with the roundings that models were trained with."""
        to_height, to_width = self.size
        if self.mode == "squash":
            return to_width, to_height
        if self.mode == "shortest" and (self.short or to_height == to_width):
            short = self.short or to_height
            long = int(short * max(width, height) / min(width, height))
            return (short, long) if width <= height else (long, short)
        ratios = height / to_height, width / to_width
        ratio = min(ratios) if self.mode == "shortest" else max(ratios)
        return max(1, round(width / ratio)), max(1, round(height / ratio))

    def _cut(self, picture: Image.Image) -> Image.Image:
        """Return the middle, padded where the picture is smaller."""
        height, width = self.size
        left, top = _start(picture.width, width), _start(picture.height, height)
        if picture.width >= width and picture.height >= height:
            return picture.crop((left, top, left + width, top + height))
        canvas = Image.new("RGB", (width, height), self.fill)
        canvas.paste(picture, (-left, -top))
        return canvas


def _start(length: int, wanted: int) -> int:
    """Return where the middle begins; below 0 it is how much is padded before."""
    return round((length - wanted) / 2) if length >= wanted else -((wanted - length) // 2)
