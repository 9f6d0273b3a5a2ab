"""What the models that run in this process share: torch, where it computes, how pixels and vectors go in and out.

torchvision from the Python index is built for CUDA; beside a CPU torch its native library cannot load, and its import
(transformers imports it too) then fails over two operators that none of our models uses. Declaring their schemas, as
this module does when it is imported, is enough.
"""

from contextlib import suppress

import numpy as np
import torch

from search.encoders.transform import Transform

_torchvision = torch.library.Library("torchvision", "FRAGMENT")  # its definitions live as long as this object
if torch.version.cuda is None:
    for _operator in ("nms", "qnms"):
        with suppress(RuntimeError):  # declared already, by a torchvision built for this torch
            _torchvision.define(f"{_operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def normal(pixels: np.ndarray, transform: Transform, where: torch.device) -> torch.Tensor:
    """Return pixels, uint8 of shape (n, height, width, 3), as models take them: float32 of shape (n, 3, height, width).

    By channel they have the mean and deviation that ``transform`` says.
    """
    scaled = torch.from_numpy(pixels).to(where).permute(0, 3, 1, 2).float().div_(255)
    mean, std = (torch.tensor(values, device=where).view(3, 1, 1) for values in (transform.mean, transform.std))
    return scaled.sub_(mean).div_(std).contiguous()


def unit(features: torch.Tensor) -> np.ndarray:
    """Return rows scaled to length 1, float32."""
    return torch.nn.functional.normalize(features.float(), dim=-1).cpu().numpy()
