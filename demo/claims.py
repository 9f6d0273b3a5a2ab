"""Sampling: random scenes as arrays, and true claims about them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch

from demo.backgrounds import BACKGROUNDS
from demo.glyphs import COLOURS, dominant_colour, vocabulary
from demo.predicates import ABSENT, ANY, Claims, SceneTable


@functools.cache
def own_colours() -> np.ndarray:
    """(glyphs,) index of each glyph's own dominant colour, or -1."""
    names = [dominant_colour(g) for g in vocabulary()]
    return np.array([-1 if n is None else COLOURS.index(n) for n in names])


def random_table(
    n: int, rng: np.random.Generator, glyphs: np.ndarray | None = None, tint_share: float = 0.5
) -> SceneTable:
    """n scenes as arrays, distributed like `scenes.random_scene`, without a layout."""
    pool = np.arange(len(vocabulary())) if glyphs is None else glyphs
    glyph = rng.choice(pool, (n, 3))
    tint = rng.random((n, 3)) < tint_share
    colour = np.where(tint, rng.integers(0, len(COLOURS), (n, 3)), own_colours()[glyph])
    count = rng.choice(3, n, p=[0.3, 0.4, 0.3]) + 1
    empty = np.arange(3)[None] >= count[:, None]
    glyph[empty], colour[empty] = -1, -1
    return SceneTable(
        *(torch.from_numpy(x.astype(np.int64)) for x in (glyph, colour, rng.integers(0, len(BACKGROUNDS), n)))
    )


@dataclass
class Sampler:
    """Draws claims that hold of given scenes. `concepts` (c, glyphs) and `places` (p, 14): bool; `weights` (c,)."""

    concepts: np.ndarray
    places: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        self.of_glyph = [np.flatnonzero(column) for column in self.concepts.T]
        self.odds = [self.weights[ids] / self.weights[ids].sum() for ids in self.of_glyph]
        self.cumulative = [np.cumsum(p) for p in self.odds]
        self.of_background = [np.flatnonzero(column) for column in self.places.T]

    def draw(self, table: SceneTable, rng: np.random.Generator) -> Claims:
        """One claim for each scene."""
        n = len(table)
        concept, colour = np.full((n, 2), ABSENT), np.full((n, 2), ANY)
        background = np.full(n, ANY)
        glyphs, colours, where = table.glyph.numpy(), table.colour.numpy(), table.background.numpy()
        dice = rng.random((n, 8))
        for i in range(n):
            here = np.flatnonzero(glyphs[i] >= 0)
            wanted = 0 if dice[i, 0] < 0.05 else 2 if dice[i, 0] > 0.75 and len(here) > 1 else 1
            chosen = rng.permutation(here)[:wanted]
            for k, o in enumerate(chosen):
                g, c = glyphs[i, o], colours[i, o]
                ids, sums = self.of_glyph[g], self.cumulative[g]
                concept[i, k] = ids[min(len(ids) - 1, int(np.searchsorted(sums, dice[i, 1 + k])))]
                if c >= 0 and dice[i, 3 + k] < 0.45:
                    colour[i, k] = c
                    if dice[i, 5 + k] < 0.08:
                        concept[i, k] = ANY
            if wanted == 0 or dice[i, 7] < 0.5:
                options = self.of_background[where[i]]
                background[i] = options[0] if rng.random() < 0.8 else rng.choice(options)
        return Claims(torch.from_numpy(background), torch.from_numpy(concept), torch.from_numpy(colour))
