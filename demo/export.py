"""Checkpoints → the bundled weights: `python -m demo.export --work WORK [--seen WORK/seen.npz --scenes 20000]`.

Averaged weights, batch-norm statistics measured anew in float32, the training heads dropped, float16
safetensors. With --seen it also stores what the vision tower makes of freshly rendered scenes, for the last
phase of the text tower's training.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from demo.feed import batch_of
from demo.model import BUNDLED, MEAN, NAME, STD, create
from demo.train_text import UNKNOWN, Reader


def pixels_of(pictures: np.ndarray) -> torch.Tensor:
    """(n, h, w, 3) uint8 → (n, 3, h, w) normalised as open_clip does."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


@torch.no_grad()
def load_vision(clip: Any, path: Path, rounds: int = 40) -> None:
    """Averaged weights into the vision tower; batch-norm statistics from `rounds` x 96 new pictures."""
    state = torch.load(path, weights_only=False, map_location="cpu")["average"]
    clip.visual.load_state_dict({k.removeprefix("tower."): v for k, v in state.items() if k.startswith("tower.")})
    for module in clip.visual.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    rng = random.Random(77)
    clip.visual.train()
    for _ in range(rounds):
        clip.visual(pixels_of(batch_of(96, clip.visual.image_size, rng)[0]))
    clip.visual.eval()


@torch.no_grad()
def load_text(clip: Any, path: Path) -> None:
    """Averaged weights into the text tower; tokens that no caption contained get the vector of the unknown word."""
    state = torch.load(path, weights_only=False, map_location="cpu")
    reader = Reader(clip)
    reader.load_state_dict(state["average"])
    table = clip.token_embedding.weight
    table[~state["seen"]] = table[UNKNOWN].clone()


@torch.no_grad()
def write_seen(clip: Any, path: Path, count: int) -> None:
    """Render scenes and store their vectors (n, 512) float16 with the scenes as arrays."""
    rng = random.Random(4711)
    kept: dict[str, list[np.ndarray]] = {"vectors": [], "glyph": [], "colour": [], "background": []}
    for _ in range(-(-count // 96)):
        pictures, table, _centres = batch_of(96, clip.visual.image_size, rng)
        kept["vectors"].append(functional.normalize(clip.visual(pixels_of(pictures)), dim=-1).half().numpy())
        for name in ("glyph", "colour", "background"):
            kept[name].append(getattr(table, name).numpy())
    np.savez(path, **{k: np.concatenate(v) for k, v in kept.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seen", type=Path)
    parser.add_argument("--scenes", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    torch.set_num_threads(1)
    clip = create()
    load_vision(clip, args.work / "vision.pt", args.rounds)
    if (args.work / "text.pt").exists():
        load_text(clip, args.work / "text.pt")
    if args.seen:
        write_seen(clip, args.seen, args.scenes)
    weights = {k: (v.half() if v.is_floating_point() else v).contiguous().clone() for k, v in clip.state_dict().items()}
    target = BUNDLED / f"{NAME}.safetensors"
    part = target.with_suffix(".part")
    save_file(weights, part)
    part.chmod(0o644)
    part.replace(target)
    print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
