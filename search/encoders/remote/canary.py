"""A text and a picture that never change. Their vectors tell whether a service still answers as when it was set up."""

import numpy as np
from PIL import Image

TEXT = "a photo of a red bicycle that leans against a white wall"
# The least cosine to the vectors of the beginning: other hardware stays above it, other weights do not.
LEAST_COSINE = 0.999


def picture() -> Image.Image:
    """Return the picture: made by arithmetic alone, so that no version of a drawing library changes it."""
    y, x = np.mgrid[0:224, 0:224]
    disc = (x - 80) ** 2 + (y - 96) ** 2 < 56**2
    bar = (x > 150) & (x < 190) & (y > 40)
    sky = np.stack([x // 2 + 40, y // 2 + 90, 230 - y // 2], axis=-1)
    sky[disc] = (210, 40, 30)
    sky[bar] = (30, 110, 50)
    return Image.fromarray(sky.astype(np.uint8))
