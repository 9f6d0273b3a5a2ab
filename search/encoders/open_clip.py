"""The one module that imports torch: any open_clip model, the bundled one among them."""

import logging
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.conf import settings
from PIL import Image

from search.encoders import ModelUnavailable
from search.encoders.transform import Transform

logger = logging.getLogger(__name__)

BUNDLED = Path(__file__).parent / "bundled"


_torchvision = torch.library.Library("torchvision", "FRAGMENT")  # its definitions live as long as this object


def _import_open_clip() -> Any:
    """Import open_clip, beside a CPU build of torch too.

    torchvision from the Python index is built for CUDA; beside a CPU torch its native library cannot load, and its
    import then fails over two operators that CLIP never uses. Declaring their schemas is enough.
    """
    if torch.version.cuda is None:
        for operator in ("nms", "qnms"):
            with suppress(RuntimeError):  # declared already, by a torchvision built for this torch
                _torchvision.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import open_clip

    return open_clip


open_clip = _import_open_clip()


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
        self._model = model.eval().requires_grad_(False)
        self.transform = _transform(model.visual.preprocess_cfg)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._lock = threading.Lock()
        self._model.to(self._device)
        self._dtype = self._faster_dtype()
        self._model.to(self._dtype)
        self.dimensions = self.encode_text(["a"]).shape[1]
        logger.info("Loaded %s: %d dimensions, %s on %s", name, self.dimensions, self._dtype, self._device)

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Return unit vectors of RGB pictures, float32 of shape (n, dimensions)."""
        return self.encode_pixels(self.transform.stack(images))

    def encode_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Return unit vectors of what ``transform`` made, uint8 of shape (n, height, width, 3): float32 as above."""
        with self._lock, torch.inference_mode():
            return _unit(self._model.encode_image(self._normal(pixels)))

    def encode_text(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors of texts, float32 of shape (n, dimensions); what exceeds the context is cut off."""
        tokens = self._tokenize(texts).to(self._device)
        with self._lock, torch.inference_mode():
            return _unit(self._model.encode_text(tokens))

    def _normal(self, pixels: np.ndarray) -> torch.Tensor:
        """Return pixels as the model takes them: (n, 3, height, width), by channel of mean 0 and deviation 1."""
        scaled = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2).float().div_(255)
        mean, std = (self._by_channel(values) for values in (self.transform.mean, self.transform.std))
        return scaled.sub_(mean).div_(std).to(self._dtype, memory_format=torch.contiguous_format)

    def _by_channel(self, values: tuple[float, ...]) -> torch.Tensor:
        return torch.tensor(values, device=self._device).view(3, 1, 1)

    def _faster_dtype(self) -> torch.dtype:
        """Return bfloat16 or float32, whichever this machine multiplies faster.

        The weights are cast; autocast is many times slower on a CPU. A CPU without bf16 units is slower in bf16.
        """
        size = self._model.visual.image_size
        height, width = size if isinstance(size, tuple | list) else (size, size)
        seconds = {}
        for dtype in (torch.float32, torch.bfloat16):
            self._model.to(dtype)
            pixels = torch.zeros(8, 3, height, width, device=self._device, dtype=dtype)
            with torch.inference_mode():
                runs = [self._time_of(pixels) for _ in range(4)]
            seconds[dtype] = min(runs[1:])
            self._model.to(torch.float32)
        return min(seconds, key=lambda dtype: seconds[dtype])

    def _time_of(self, pixels: torch.Tensor) -> float:
        start = time.perf_counter()
        self._model.encode_image(pixels).float().sum().item()
        return time.perf_counter() - start


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
            raise ModelUnavailable(f"DAM_MODEL is {name!r}, but there is no checkpoint at {path}.")
        weights = path
    else:
        architecture, _slash, weights = name.partition("/")
    if architecture not in open_clip.list_models():
        raise ModelUnavailable(f"open_clip knows no architecture {architecture!r} (DAM_MODEL is {name!r}).")
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
    return (
        f"The weights of {name!r} cannot be loaded ({type(error).__name__}: {error}). Ways out: let this machine reach"
        " the model hub once; or fetch the file elsewhere and set DAM_MODEL=ARCHITECTURE:/path/to/checkpoint; or put"
        " a filled cache at DAM_MODEL_CACHE; or use the bundled model, DAM_MODEL=emoji-scenes."
    )


def _unit(features: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(features.float(), dim=-1).cpu().numpy()
