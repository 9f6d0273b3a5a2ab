"""Pictures with the detail of photographs at every scale, made on the spot, as JPEG files of any size."""

import random
from pathlib import Path

import numpy as np
from PIL import Image

TWELVE_MEGAPIXELS = (4000, 3000)
LAYERS = ((4, 80), (16, 45), (64, 25), (256, 14), (1024, 7))  # (cells across, deviation)


def photograph(seed: int, size: tuple[int, int] = TWELVE_MEGAPIXELS) -> Image.Image:
    """Return a picture whose power falls with frequency as in nature, with a little noise, RGB."""
    rng, (width, height) = np.random.default_rng(seed), size
    pixels = np.full((height, width, 3), 128, np.float32)
    for cells, deviation in LAYERS:
        coarse = rng.normal(scale=deviation, size=(max(2, cells * height // width), cells, 3)).astype(np.float32)
        for channel in range(3):
            layer = Image.fromarray(coarse[..., channel]).resize(size, Image.Resampling.BICUBIC)
            pixels[..., channel] += np.asarray(layer)
    pixels += rng.normal(scale=2, size=(height, width, 1)).astype(np.float32)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def files(folder: Path, count: int, different: int = 8) -> list[bytes]:
    """Return ``count`` JPEG files of 12 megapixels, no two the same; of ``different`` pictures, kept in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = [folder / f"{seed}.jpg" for seed in range(different)]
    for seed, path in enumerate(kept):
        if not path.exists():
            photograph(seed).save(path, quality=90)
    bases = [path.read_bytes() for path in kept]
    # What follows the end of a JPEG changes its digest and no pixel.
    return [bases[number % different] + random.Random(number).randbytes(16) for number in range(count)]
