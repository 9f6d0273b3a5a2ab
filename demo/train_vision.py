"""Train the vision tower to see the oracle's scene vectors in rendered pictures.

`python -m demo.train_vision --work WORK --until 03:05`: renders in a second process, resumes from
WORK/vision.pt, ends on time.
"""

from __future__ import annotations

import argparse
import copy
import datetime as dt
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from demo.claims import Sampler
from demo.feed import replayed
from demo.glyphs import COLOURS, vocabulary
from demo.model import MEAN, STD, create
from demo.oracle import Oracle, both_ways
from demo.predicates import SceneTable, matches


def seconds_until(clock: str) -> float:
    """Seconds from now to the next HH:MM UTC."""
    now = dt.datetime.now(dt.UTC)
    hour, minute = map(int, clock.split(":"))
    then = now.replace(hour=hour, minute=minute, second=0)
    return ((then - now).total_seconds() + 86400) % 86400


def halved(model: nn.Module) -> nn.Module:
    """A bfloat16 working copy. Its batch norms' running statistics are too coarse: export measures them anew."""
    return copy.deepcopy(model).to(torch.bfloat16).to(memory_format=torch.channels_last)


def described(tower: nn.Module, final: torch.Tensor, centres: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """What the attention pool would say of each object alone: its value path applied to the last map at the centres.

    final (n, c, h, w), centres (n, 3, 2) in -1..1, present (n, 3) bool → (objects, 512).
    """
    pool = tower.attnpool
    grid = pool.positional_embedding[1:].T.reshape(1, -1, *final.shape[2:])
    tokens = functional.grid_sample((final + grid).float(), centres[:, :, None], align_corners=False)[..., 0].mT
    return pool.c_proj(pool.v_proj(tokens[present].to(final.dtype))).float()


class Naming(nn.Module):
    """Training only: which glyph in which colour is at a known place, read from the last two feature maps there."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        width = tower.layer3[-1].conv3.out_channels + tower.layer4[-1].conv3.out_channels
        self.glyph = nn.Linear(width, len(vocabulary()))
        self.colour = nn.Linear(width, len(COLOURS) + 1)

    def forward(self, maps: list[torch.Tensor], centres: torch.Tensor, table: SceneTable) -> torch.Tensor:
        """maps (n, c, h, w), centres (n, 3, 2) in -1..1 → mean loss over the objects."""
        at = [functional.grid_sample(m.float(), centres[:, :, None], align_corners=False)[..., 0].mT for m in maps]
        present = table.glyph >= 0
        seen = torch.cat(at, -1)[present].to(self.glyph.weight.dtype)
        return functional.cross_entropy(
            self.glyph(seen).float(), table.glyph[present]
        ) + 0.5 * functional.cross_entropy(self.colour(seen).float(), table.colour[present] + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--until", required=True, help="HH:MM UTC")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--frozen", action="store_true", help="leave the stem and the first stage as they are: a quarter faster"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the optimiser's state")
    parser.add_argument("--pool-share", type=float, default=1.0, help="learning rate of the attention pool, relative")
    parser.add_argument("--name", default="vision")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    rng = np.random.default_rng(int(time.time()))

    saved = torch.load(args.work / "oracle.pt", weights_only=False)
    concepts, places = torch.from_numpy(saved["concepts"]), torch.from_numpy(saved["places"])
    oracle = Oracle(len(vocabulary()), len(concepts), len(places))
    oracle.load_state_dict(saved["oracle"])
    oracle.requires_grad_(False)
    sampler = Sampler(saved["concepts"], saved["places"], saved["weights"])

    clip = create()
    tower = clip.visual
    size = tower.image_size[0] if isinstance(tower.image_size, tuple) else tower.image_size
    head = Naming(tower)
    master = nn.ModuleDict({"tower": tower, "head": head})
    path = args.work / f"{args.name}.pt"
    elapsed = 0.0
    if path.exists():
        state = torch.load(path, weights_only=False)
        master.load_state_dict(state["master"])
        elapsed = state["elapsed"]
    work = halved(master)
    if args.frozen:
        tower_copy = work["tower"]
        for part in (
            *(getattr(tower_copy, f"{kind}{k}") for kind in ("conv", "bn") for k in (1, 2, 3)),
            tower_copy.layer1,
        ):
            part.requires_grad_(False)
    maps: list[torch.Tensor] = []
    for layer in (work["tower"].layer3, work["tower"].layer4):
        layer.register_forward_hook(lambda module, given, out: maps.append(out))
    average = copy.deepcopy(master)
    if path.exists():
        average.load_state_dict(state["average"])
    pairs = list(zip(master.parameters(), work.parameters(), strict=True))
    groups = []
    for pooling in (False, True):  # the pool's weights are delicate: they learn more slowly
        chosen = [p for n, p in master.named_parameters() if ("attnpool" in n) == pooling]
        for decay in (0.02, 0.0):
            part = [p for p in chosen if (p.ndim > 1) == (decay > 0)]
            groups.append({"params": part, "weight_decay": decay, "share": args.pool_share if pooling else 1.0})
    optimiser = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98))
    if path.exists() and not args.fresh:
        optimiser.load_state_dict(state["optimiser"])
    mean = torch.tensor(MEAN).view(1, 3, 1, 1) * 255
    std = torch.tensor(STD).view(1, 3, 1, 1) * 255
    begin, total = time.time(), seconds_until(args.until)
    told = saved_at = begin
    count = 0
    for step, (pixels, table, centres) in enumerate(replayed(args.batch, size, int(time.time()) % 100_000)):
        done = (time.time() - begin) / total
        if done >= 1:
            break
        rate = (
            args.rate
            * min(1, (step + 1) / 60)
            * (0.005 + 0.995 * (1 + math.cos(math.pi * (done * total + elapsed) / (total + elapsed))) / 2)
        )
        for group in optimiser.param_groups:
            group["lr"] = rate * group["share"]
        images = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - mean) / std
        images = images.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        raw = work["tower"](images).float()
        seen = functional.normalize(raw, dim=-1)
        with torch.no_grad():
            target = oracle.scenes(table)
            claims = sampler.draw(
                SceneTable(*(torch.cat([x, x]) for x in (table.glyph, table.colour, table.background))), rng
            )
            truth = matches(table, claims, concepts, places)
            asked = oracle.claims(claims)
        scale = oracle.scale.exp().clamp(max=30)
        named = work["head"](maps, torch.from_numpy(centres), table)
        present = table.glyph >= 0
        said = described(work["tower"], maps[1], torch.from_numpy(centres), present)
        with torch.no_grad():
            things = oracle.objects(table.glyph[present], table.colour[present] + 1)
        alone = (1 - functional.cosine_similarity(said, things)).mean()
        maps.clear()
        near = (1 - (seen * target).sum(1)).mean()
        same = functional.cross_entropy(seen @ target.T * 20, torch.arange(len(seen)))
        claimed = both_ways(asked @ seen.T * scale, truth)
        loss = 2 * near + 0.5 * same + 3 * claimed + 0.5 * named + alone
        work.zero_grad()
        loss.backward()
        for big, small in pairs:
            big.grad = None if small.grad is None else small.grad.float()
        nn.utils.clip_grad_norm_(master.parameters(), 2.0)
        optimiser.step()
        keep = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_copy_([small for _, small in pairs], [big for big, _ in pairs])
            torch._foreach_lerp_(list(average.parameters()), list(master.parameters()), 1 - keep)
            for a, b in zip(average.buffers(), work.buffers(), strict=True):
                a.copy_(b)
        count += len(pixels)
        if time.time() - told > 10:
            first = truth.gather(1, (asked @ seen.T).argmax(1, keepdim=True)).float().mean()
            print(
                f"{time.strftime('%H:%M:%S')} step {step} {count / (time.time() - told):.0f} img/s "
                f"near {near:.4f} alone {alone:.4f} same {same:.3f} "
                f"claimed {claimed:.3f} named {named:.3f} first {first:.3f} rate {rate:.5f}",
                flush=True,
            )
            told, count = time.time(), 0
        if time.time() - saved_at > 120:
            saved_at = time.time()
            store(path, master, work, average, optimiser, elapsed + saved_at - begin)
    store(path, master, work, average, optimiser, elapsed + time.time() - begin)
    print("done", flush=True)


def store(
    path: Path, master: nn.Module, work: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, elapsed: float
) -> None:
    """Write the checkpoint whole or not at all."""
    with torch.no_grad():
        for a, b in zip(master.buffers(), work.buffers(), strict=True):
            a.copy_(b)
    part = path.with_suffix(".part")
    torch.save(
        {
            "master": master.state_dict(),
            "average": average.state_dict(),
            "optimiser": optimiser.state_dict(),
            "elapsed": elapsed,
        },
        part,
    )
    part.replace(path)


if __name__ == "__main__":
    main()
