"""Features of networks that were trained to classify, for finding pictures by pictures: torchvision's ResNet, VGG …"""

import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.conf import settings
from PIL import Image

from search.encoders import ModelUnavailable, Unsupported
from search.encoders.device import device, normal, unit
from search.encoders.transform import Transform

logger = logging.getLogger(__name__)


class TorchvisionEncoder:
    """Pictures through the layers of a network of torchvision that come before its classes.

    ``name`` is ``torchvision:ARCHITECTURE/WEIGHTS`` (for example ``torchvision:resnet50/DEFAULT``), which is
    downloaded, or ``torchvision:ARCHITECTURE:PATH``, a checkpoint file (safetensors, or a torch file of weights only).
    The vector is the mean over the picture of the last feature map: 2,048 dimensions of a ResNet-50, 512 of a VGG.
    Raises ModelUnavailable, with the ways out.
    """

    takes_pictures, takes_text = True, False

    def __init__(self, name: str) -> None:
        self.name = name
        models = _models()
        architecture, source, is_path = _parsed(name)
        if architecture not in models.list_models(module=models):
            raise ModelUnavailable(f"torchvision knows no architecture {architecture!r} (asked for {name!r}).")
        published: Any = models.get_model_weights(architecture)
        if not is_path and source not in published.__members__:
            known = ", ".join(published.__members__)
            raise ModelUnavailable(f"torchvision knows no weights {source!r} for {architecture}; it knows: {known}.")
        if is_path and not Path(source).is_file():
            raise ModelUnavailable(f"The model is {name!r}, but there is no checkpoint at {source}.")
        weights = next(iter(published)) if is_path else published[source]
        network, head = _headless(models.get_model(architecture), name)
        try:
            if is_path:
                state = _read(source)
            else:
                state = weights.get_state_dict(
                    model_dir=settings.DAM_MODEL_CACHE, progress=False, check_hash=True, weights_only=True
                )
            network.load_state_dict({key: value for key, value in state.items() if key.split(".")[0] not in head})
        except Exception as error:  # servers, files and state dicts fail in many ways; all mean "not to be had"
            raise ModelUnavailable(_ways_out(name, error)) from error
        self.transform = _transform(weights.transforms())
        self._device = device()
        self._network = network.eval().requires_grad_(False).to(self._device)
        self._lock = threading.Lock()
        self.dimensions = self.encode_pixels(np.zeros((1, *self.transform.size, 3), dtype=np.uint8)).shape[1]
        logger.info("Loaded %s: %d dimensions on %s", name, self.dimensions, self._device)

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Return unit vectors of RGB pictures, float32 of shape (n, dimensions)."""
        return self.encode_pixels(self.transform.stack(images))

    def encode_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Return unit vectors of what ``transform`` made, uint8 of shape (n, height, width, 3): float32 as above."""
        with self._lock, torch.inference_mode():
            return unit(self._network(normal(pixels, self.transform, self._device)).flatten(1))

    def encode_text(self, texts: list[str]) -> np.ndarray:
        """Raise Unsupported."""
        raise Unsupported(f"{self.name} encodes pictures, no text.")


def _models() -> Any:
    from torchvision import models

    return models


def _parsed(name: str) -> tuple[str, str, bool]:
    """Split a name into the architecture, the weights' name or path, and whether it is a path."""
    rest = name.partition(":")[2]
    architecture, colon, path = rest.partition(":")
    if colon:
        return architecture, path, True
    architecture, _slash, weights = rest.partition("/")
    return architecture, weights or "DEFAULT", False


def _headless(network: torch.nn.Module, name: str) -> tuple[torch.nn.Module, set[str]]:
    """Return the network without its classes, and the names of the parts that were taken off.

    Of a VGG the whole classifier goes: the layer before its classes has more dimensions than an index takes.
    """
    if hasattr(network, "fc") and not hasattr(network, "transform_input"):  # GoogLeNet and Inception scale pixels anew
        network.fc = torch.nn.Identity()
        return network, {"fc"}
    if hasattr(network, "features") and hasattr(network, "classifier"):
        network.avgpool, network.classifier = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Identity()
        return network, {"classifier"}
    raise ModelUnavailable(
        f"{name!r} has no feature map to take a vector from. Take a network such as resnet50, vgg16,"
        " efficientnet_b0, convnext_tiny or densenet121."
    )


def _read(path: str) -> dict[str, torch.Tensor]:
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _transform(preset: Any) -> Transform:
    """Return what torchvision does with a picture before it is classified, as a transform that needs no torch."""
    [short], [side] = preset.resize_size, preset.crop_size
    options: dict[str, Any] = {"interpolation": preset.interpolation.value}
    return Transform(size=(side, side), short=short, mean=tuple(preset.mean), std=tuple(preset.std), **options)


def _ways_out(name: str, error: Exception) -> str:
    return (
        f"The weights of {name!r} cannot be loaded ({type(error).__name__}: {error}). Ways out: let this machine reach"
        " torchvision's server once; or fetch the file elsewhere and name it, torchvision:ARCHITECTURE:/path/to/file;"
        " or put the file into DAM_MODEL_CACHE."
    )
