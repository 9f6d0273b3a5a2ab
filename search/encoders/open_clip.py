"""Any open_clip model, the bundled one among them."""

import copy
import importlib.util
import logging
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.conf import settings
from PIL import Image

from search.encoders import ModelUnavailable
from search.encoders.causal_text import CausalText
from search.encoders.device import device, normal, unit
from search.encoders.transform import Transform

# isort: split
import open_clip  # after device: without it it may fail to be imported

logger = logging.getLogger(__name__)

# What share of the time that float32 takes bfloat16 may take to be chosen.
CLEARLY_FASTER = 0.85
# How near its vectors must be to those of float32, as the lowest cosine of a sample: of 100 pictures, 0.9999.
STAYS = 0.99993
BUNDLED = Path(__file__).parent / "bundled"


class OpenClipEncoder:
    """Pictures and text through an open_clip model.

    ``name`` is one of

    - the name of a bundled model (``emoji-scenes``),
    - ``ARCHITECTURE/WEIGHTS``, an architecture and a weights tag that open_clip knows and downloads,
    - ``ARCHITECTURE:PATH``, an architecture and a checkpoint file (safetensors, or a torch file of weights only),
    - ``hf-hub:ORGANISATION/REPOSITORY`` or ``local-dir:PATH``, as open_clip takes them.

    Raises ModelUnavailable when the model cannot be had, with the ways out.
    """

    takes_pictures = takes_text = True

    def __init__(self, name: str) -> None:
        self.name = name
        architecture, weights = _resolve(name)
        try:
            model, _preprocess = open_clip.create_model_from_pretrained(
                architecture, pretrained=weights, precision="fp32", cache_dir=settings.DAM_MODEL_CACHE
            )
            self._tokenize = open_clip.get_tokenizer(architecture, cache_dir=settings.DAM_MODEL_CACHE)
        except Exception as error:  # hubs, files and state dicts fail in many ways; all of them mean "not to be had"
            raise ModelUnavailable(_ways_out(name, error)) from error
        self._device = device()
        self._model = model.eval().requires_grad_(False).to(self._device)
        self.transform = _transform(model.visual.preprocess_cfg)
        self._lock = threading.Lock()
        self._dtype = self._faster_dtype()
        self._model.to(self._dtype)
        self.dtype = str(self._dtype).removeprefix("torch.")
        self._text = CausalText.of(model) or model.encode_text
        self.dimensions = self.encode_text(["a"]).shape[1]
        logger.info("Loaded %s: %d dimensions, %s on %s", name, self.dimensions, self.dtype, self._device)

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Return unit vectors of RGB pictures, float32 of shape (n, dimensions)."""
        return self.encode_pixels(self.transform.stack(images))

    def encode_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Return unit vectors of what ``transform`` made, uint8 of shape (n, height, width, 3): float32 as above."""
        with self._lock, torch.inference_mode():
            return unit(self._model.encode_image(normal(pixels, self.transform, self._device).to(self._dtype)))

    def encode_text(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors of texts, float32 of shape (n, dimensions); what exceeds the context is cut off."""
        tokens = self._tokenize(texts).to(self._device)
        with self._lock, torch.inference_mode():
            return unit(self._text(tokens))

    def _faster_dtype(self) -> torch.dtype:
        """Return bfloat16 where this machine is clearly faster in it and the vectors stay, else float32.

        A copy of the picture tower is cast (autocast is many times slower on a CPU). Both take turns, so that whatever
        else the machine does slows both. A CPU with bf16 units is about twice as fast or more, one without is slower.
        Transformers hardly notice the precision; a deep convolutional network may.
        """
        pixels = _sample(self.transform.size).to(self._device)
        exactly = self._model.visual
        towers = {torch.float32: exactly, torch.bfloat16: copy.deepcopy(exactly).to(torch.bfloat16)}
        seconds: dict[torch.dtype, list[float]] = {dtype: [] for dtype in towers}
        vectors: dict[torch.dtype, np.ndarray] = {}
        with torch.inference_mode():
            for _ in range(4):
                for dtype, tower in towers.items():
                    taken, vectors[dtype] = _timed(tower, pixels.to(dtype))
                    seconds[dtype].append(taken)
        exact, short = (min(taken[1:]) for taken in seconds.values())  # the first runs warm up
        cosine = float((vectors[torch.float32] * vectors[torch.bfloat16]).sum(axis=1).min())
        logger.info("%s in bfloat16: %.2f times as fast, cosine to float32 %.5f", self.name, exact / short, cosine)
        fast = short < CLEARLY_FASTER * exact
        return torch.bfloat16 if fast and cosine > STAYS else torch.float32


def _sample(size: tuple[int, int]) -> torch.Tensor:
    """Return four pictures with shapes large and small, always the same, as models take them."""
    random = torch.Generator().manual_seed(0)
    layers = [torch.randn(4, 3, side, side, generator=random) for side in (2, 4, 8, 16)]
    return sum((torch.nn.functional.interpolate(layer, size, mode="bicubic") for layer in layers), torch.zeros(1))


def _timed(tower: torch.nn.Module, pixels: torch.Tensor) -> tuple[float, np.ndarray]:
    """Return the seconds that a forward pass took, and its vectors."""
    start = time.perf_counter()
    found = tower(pixels)
    vectors = unit(found[0] if isinstance(found, tuple) else found)
    return time.perf_counter() - start, vectors


def _resolve(name: str) -> tuple[str, str | None]:
    """Split a model name into what open_clip calls architecture and pretrained."""
    bundled = BUNDLED / f"{name}.safetensors"
    if bundled.exists():
        open_clip.add_model_config(BUNDLED / f"{name}.json")
        return name, str(bundled)
    if name.startswith(("hf-hub:", "local-dir:")):
        return name, None
    architecture, colon, path = name.partition(":")
    if colon:
        if not Path(path).is_file():
            raise ModelUnavailable(f"The model is {name!r}, but there is no checkpoint at {path}.")
        weights = path
    else:
        architecture, _slash, weights = name.partition("/")
    if architecture not in open_clip.list_models():
        raise ModelUnavailable(f"open_clip knows no architecture {architecture!r} (asked for {name!r}).")
    if not colon and weights not in open_clip.list_pretrained_tags_by_model(architecture):
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(architecture)) or "none"
        raise ModelUnavailable(f"open_clip knows no weights {weights!r} for {architecture}; it knows: {tags}.")
    return architecture, weights


def _transform(preprocess: dict[str, Any]) -> Transform:
    """Return open_clip's own preprocessing for evaluation (``image_transform``), as one that needs no torch."""
    size, fill = preprocess["size"], preprocess["fill_color"]
    height, width = size if isinstance(size, tuple | list) else (size, size)
    mode: Any = preprocess["resize_mode"] or "shortest"
    bilinear = preprocess["interpolation"] == "bilinear" and not (mode == "shortest" and height != width)
    return Transform(
        size=(height, width),
        mode=mode,
        interpolation="bilinear" if bilinear else "bicubic",
        fill=(fill, fill, fill) if mode == "longest" else (0, 0, 0),
        mean=_three(preprocess["mean"]),
        std=_three(preprocess["std"]),
    )


def _three(value: Any) -> tuple[float, float, float]:
    red, green, blue = value if isinstance(value, tuple | list) else (value,) * 3
    return red, green, blue


def _ways_out(name: str, error: Exception) -> str:
    if "transformers" in str(error) and importlib.util.find_spec("transformers") is None:
        return f"{name!r} needs the library transformers: pip install 'django-dam[chinese]'."
    return (
        f"The weights of {name!r} cannot be loaded ({type(error).__name__}: {error}). Ways out: let this machine reach"
        " the model hub once; or fetch the file elsewhere and set DAM_MODEL=ARCHITECTURE:/path/to/checkpoint; or put"
        " a filled cache at DAM_MODEL_CACHE; or use the bundled model, DAM_MODEL=emoji-scenes."
    )
