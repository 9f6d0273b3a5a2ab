"""Chinese-CLIP, Chinese text and pictures, through transformers: the extra ``chinese``."""

import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.conf import settings
from PIL import Image

from search.encoders import ModelUnavailable
from search.encoders.device import device, normal, unit
from search.encoders.transform import Transform

logger = logging.getLogger(__name__)

CONTEXT = 52  # tokens that these models were trained with; what exceeds them is cut off


class ChineseClipEncoder:
    """Pictures and text through a Chinese-CLIP.

    ``name`` is ``chinese-clip:REPOSITORY`` (for example ``chinese-clip:OFA-Sys/chinese-clip-vit-base-patch16``), which
    is downloaded, or ``chinese-clip:PATH``, a directory with the same files. Raises ModelUnavailable, with the ways
    out.
    """

    takes_pictures = takes_text = True

    def __init__(self, name: str) -> None:
        self.name = name
        source = name.partition(":")[2]
        try:
            from transformers import AutoImageProcessor, AutoTokenizer, ChineseCLIPModel
        except ImportError as error:
            raise ModelUnavailable(
                f"{name!r} needs the library transformers ({error}): pip install 'django-dam[chinese]'."
            ) from error
        here = {"cache_dir": settings.DAM_MODEL_CACHE, "local_files_only": Path(source).is_dir()}
        try:
            self._tokenize = AutoTokenizer.from_pretrained(source, **here)
            self.transform = _transform(AutoImageProcessor.from_pretrained(source, **here).to_dict())
            model = ChineseCLIPModel.from_pretrained(source, dtype=torch.float32, **here)
        except Exception as error:  # hubs, files and state dicts fail in many ways; all of them mean "not to be had"
            raise ModelUnavailable(_ways_out(name, error)) from error
        self._device = device()
        self._model: Any = model.eval().requires_grad_(False).to(self._device)
        self._lock = threading.Lock()
        self.dimensions = self.encode_text(["a"]).shape[1]
        logger.info("Loaded %s: %d dimensions on %s", name, self.dimensions, self._device)

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Return unit vectors of RGB pictures, float32 of shape (n, dimensions)."""
        return self.encode_pixels(self.transform.stack(images))

    def encode_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Return unit vectors of what ``transform`` made, uint8 of shape (n, height, width, 3): float32 as above."""
        with self._lock, torch.inference_mode():
            taken = normal(pixels, self.transform, self._device)
            return unit(self._model.get_image_features(pixel_values=taken).pooler_output)

    def encode_text(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors of texts, float32 of shape (n, dimensions); what exceeds the context is cut off."""
        tokens = self._tokenize(texts, padding=True, truncation=True, max_length=CONTEXT, return_tensors="pt")
        with self._lock, torch.inference_mode():
            return unit(self._model.get_text_features(**tokens.to(self._device)).pooler_output)


def _transform(processor: dict[str, Any]) -> Transform:
    """Return what the processor does with a picture, as a transform that needs no torch.

    The published models squash a picture to a square; others scale the shortest side and cut out the middle.
    """
    size, crop = processor["size"], processor.get("crop_size") or {}
    if "height" in size:
        target, mode, short = (size["height"], size["width"]), "squash", None
    elif processor.get("do_center_crop"):
        target, mode, short = (crop["height"], crop["width"]), "shortest", size["shortest_edge"]
    else:
        raise ValueError(f"its pictures would have any shape: size is {size}, and nothing is cut out")
    filters = {Image.Resampling.BICUBIC: "bicubic", Image.Resampling.BILINEAR: "bilinear"}
    settings: dict[str, Any] = {"mode": mode, "interpolation": filters[Image.Resampling(processor["resample"])]}
    return Transform(
        size=target, short=short, mean=tuple(processor["image_mean"]), std=tuple(processor["image_std"]), **settings
    )


def _ways_out(name: str, error: Exception) -> str:
    return (
        f"The model {name!r} cannot be loaded ({type(error).__name__}: {error}). Ways out: let this machine reach the"
        " model hub once; or fetch the repository elsewhere and name its directory, chinese-clip:/path/to/directory; or"
        " put a filled cache at DAM_MODEL_CACHE."
    )
