"""The models that are measured: ViT-B/32 with random weights, the bundled one with real ones, in and out of process."""

import atexit
import logging
import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from search.encoders import ModelUnavailable, get_encoder

CHECKPOINT = Path(".cache/bench/vit-b-32-random.safetensors").resolve()
VIT = f"ViT-B-32:{CHECKPOINT}"
BUNDLED = "emoji-scenes"
GFLOP = 8.82  # of one picture through ViT-B/32


def address(data: Path) -> str:
    """Return where the encoder process listens; a socket's path must be short."""
    return f"unix:{os.path.relpath(data / 'encoder.sock')}"


def ensure_checkpoint() -> None:
    """Make the checkpoint of ViT-B/32 unless it is there: random weights, which speed and rounding do not mind."""
    if CHECKPOINT.exists():
        return
    import torch
    from safetensors.torch import save_file

    from search.encoders.open_clip import open_clip

    CHECKPOINT.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    save_file(open_clip.create_model("ViT-B-32").state_dict(), CHECKPOINT)


@cache
def ours(name: str = VIT) -> Any:
    """Return our encoder in this process."""
    from search.encoders import load

    ensure_checkpoint()
    return load(name)


@cache
def eager(name: str = VIT) -> tuple[Any, Any]:
    """Return open_clip's own model in float32 and its own transform, as its README uses them."""
    from search.encoders.open_clip import _resolve, open_clip

    ensure_checkpoint()
    architecture, weights = _resolve(name)
    model, preprocess = open_clip.create_model_from_pretrained(architecture, pretrained=weights, precision="fp32")
    return model.eval().requires_grad_(False), preprocess


@cache
def start_encoder() -> None:
    """Start the process that the connected library asks (``DAM_ENCODER_URL``), with both models."""
    ensure_checkpoint()
    url = settings.DAM_ENCODER_URL
    command = [sys.executable, "manage.py", "encoder", "--bind", url, "--model", VIT, "--model", BUNDLED]
    process = subprocess.Popen(command)
    atexit.register(process.kill)
    for name in (VIT, BUNDLED):
        _wait_for(get_encoder(name), process)


def _wait_for(encoder: Any, process: subprocess.Popen[bytes]) -> None:
    logging.disable(logging.ERROR)  # it says at every try that nobody is there
    while True:
        try:
            encoder.encode_text(["ready?"])
        except ModelUnavailable:
            assert process.poll() is None, "the encoder ended"
            time.sleep(0.2)
        else:
            return logging.disable(logging.NOTSET)
