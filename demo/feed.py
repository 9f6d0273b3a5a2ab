"""A worker process that renders training batches: pictures as uint8 arrays and the scenes behind them as arrays."""

from __future__ import annotations

import itertools
import multiprocessing as mp
import os
import random
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image

from demo.glyphs import vocabulary
from demo.predicates import SceneTable
from demo.scenes import random_scene, render

Batch = tuple[np.ndarray, SceneTable, np.ndarray]


def picture(scene: dict, size: int, rng: random.Random) -> Image.Image:
    """Render near the training size, so that the model sees several kinds of resampling, as in real use."""
    drawn = render(scene, rng.choice((size, size, size, 2 * size)))
    return drawn if drawn.width == size else drawn.resize((size, size), Image.Resampling.BICUBIC)


def batch_of(n: int, size: int, rng: random.Random) -> Batch:
    """Pictures (n, size, size, 3) uint8, their scenes, and the objects' centres (n, 3, 2) as x, y in -1..1.

    Half of the batch draws from few glyphs, so that partial matches abound.
    """
    few = rng.sample(vocabulary(), 24)
    scenes = [random_scene(rng, few if i % 2 else None) for i in range(n)]
    centres = np.zeros((n, 3, 2), np.float32)
    for row, scene in zip(centres, scenes, strict=True):
        for k, thing in enumerate(scene["objects"]):
            row[k] = 2 * thing["x"] - 1, 2 * thing["y"] - 1
    return np.stack([np.asarray(picture(s, size, rng)) for s in scenes]), SceneTable.of(scenes), centres


def _work(queue: mp.Queue, n: int, size: int, seed: int) -> None:
    os.nice(2)
    rng = random.Random(seed)
    while True:
        pixels, table, centres = batch_of(n, size, rng)
        queue.put((pixels, centres, table.glyph.numpy(), table.colour.numpy(), table.background.numpy()))


def batches(n: int, size: int, seed: int) -> Iterator[Batch]:
    """Endless batches from one worker process, which ends with this one."""
    context = mp.get_context("spawn")
    queue: mp.Queue = context.Queue(8)
    context.Process(target=_work, args=(queue, n, size, seed), daemon=True).start()
    while True:
        pixels, centres, *arrays = queue.get()
        yield pixels, SceneTable(*(torch.from_numpy(a) for a in arrays)), centres


def replayed(n: int, size: int, seed: int, reuse: int = 3, capacity: int = 200) -> Iterator[Batch]:
    """Endless batches mixed from the last `capacity` rendered ones, half of them mirrored: `reuse` uses of each."""
    source = batches(n, size, seed)
    kept: list[Batch] = []
    rng = np.random.default_rng(seed)
    rendered = 0
    for turn in itertools.count():
        while rendered < 8 or rendered < turn / reuse:
            fresh = next(source)
            kept.append(fresh) if len(kept) < capacity else kept.__setitem__(rendered % capacity, fresh)
            rendered += 1
        chosen = [kept[i] for i in rng.choice(len(kept), 4, replace=False)]
        rows = rng.permutation(n)[: n // 4]
        pixels = np.concatenate([b[0][rows] for b in chosen])
        table = SceneTable(
            *(torch.cat([getattr(b[1], k)[rows] for b in chosen]) for k in ("glyph", "colour", "background"))
        )
        centres = np.concatenate([b[2][rows] for b in chosen])
        mirrored = rng.random(len(pixels)) < 0.5
        pixels[mirrored] = pixels[mirrored, :, ::-1]
        centres[mirrored, :, 0] *= -1
        yield pixels, table, centres
