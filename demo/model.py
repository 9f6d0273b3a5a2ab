"""The two towers, made by open_clip from `emoji-scenes.json`; reading and writing of the bundled weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

BUNDLED = Path(__file__).resolve().parent.parent / "search" / "encoders" / "bundled"
NAME = "emoji-scenes"
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # open_clip's defaults


def prepare_torchvision() -> None:
    """Declare the two operators without which a CPU build of torch cannot import torchvision."""
    if torch.version.cuda is None and not hasattr(prepare_torchvision, "library"):
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            try:
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            except RuntimeError:  # already there
                break
        prepare_torchvision.library = library  # type: ignore[attr-defined]


def create(config: str | None = None) -> Any:
    """A new, untrained CLIP of the bundled configuration (float32, on the CPU)."""
    prepare_torchvision()
    import open_clip

    open_clip.add_model_config(BUNDLED)
    return open_clip.create_model(config or NAME)


def configuration() -> dict[str, Any]:
    return json.loads((BUNDLED / f"{NAME}.json").read_text())
