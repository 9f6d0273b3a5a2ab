"""What a caption claims about a scene, and exact matching of claims against scenes.

A claim (`Claims`, n of them as arrays) is a background set (or none) and up to two object specs, each a
concept (a set of glyphs) and/or a colour. Because every caption is made from a claim, the full caption x
scene truth matrix is computed instead of guessed: no false negatives in a contrastive batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from demo.backgrounds import BACKGROUNDS
from demo.glyphs import COLOURS, glyph_ids
from demo.scenes import Scene, colour_of

ANY, ABSENT = -1, -2


@dataclass
class SceneTable:
    """Scenes as arrays: glyph (n, 3) id or -1, colour (n, 3) index or -1, background (n,) index."""

    glyph: torch.Tensor
    colour: torch.Tensor
    background: torch.Tensor

    def __len__(self) -> int:
        return len(self.background)

    @classmethod
    def of(cls, scenes: list[Scene]) -> SceneTable:
        glyph = np.full((len(scenes), 3), -1, np.int64)
        colour = np.full((len(scenes), 3), -1, np.int64)
        ids = glyph_ids()
        for i, scene in enumerate(scenes):
            for j, thing in enumerate(scene["objects"]):
                glyph[i, j] = ids[thing["glyph"]]
                name = colour_of(thing)
                colour[i, j] = -1 if name is None else COLOURS.index(name)
        background = np.array([BACKGROUNDS.index(s["background"]) for s in scenes], np.int64)
        return cls(torch.from_numpy(glyph), torch.from_numpy(colour), torch.from_numpy(background))


@dataclass
class Claims:
    """Claims as arrays: background (m,) row of the place table or ANY; concept, colour (m, 2), ANY or ABSENT."""

    background: torch.Tensor
    concept: torch.Tensor
    colour: torch.Tensor

    def __len__(self) -> int:
        return len(self.background)


def matches(scenes: SceneTable, claims: Claims, concepts: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Truth matrix (m claims, n scenes), bool. `concepts` (c, glyphs) and `places` (p, 14) are bool membership tables.

    Two specs must be met by two different objects.
    """
    n, m = len(scenes), len(claims)
    member = torch.cat([concepts, torch.ones(1, concepts.shape[1], dtype=torch.bool)])  # the last row is ANY
    present = scenes.glyph >= 0

    def spec(k: int) -> list[torch.Tensor]:
        concept, colour = claims.concept[:, k], claims.colour[:, k]
        rows = member[torch.where(concept >= 0, concept, torch.tensor(concepts.shape[0]))]  # (m, glyphs)
        out = []
        for o in range(3):
            ok = rows[:, scenes.glyph[:, o].clamp(min=0)] & present[:, o]
            ok &= (colour[:, None] < 0) | (colour[:, None] == scenes.colour[:, o])
            out.append(ok)
        return out

    first = spec(0)
    no_first = claims.concept[:, 0] == ABSENT
    result = first[0] | first[1] | first[2] | no_first[:, None]
    pairs = torch.nonzero(claims.concept[:, 1] != ABSENT).flatten()
    if len(pairs):
        part = Claims(claims.background[pairs], claims.concept[pairs], claims.colour[pairs])
        a = [x[pairs] for x in first]
        second = matches_second(scenes, part, member, present)
        both = torch.zeros(len(pairs), n, dtype=torch.bool)
        for i in range(3):
            for j in range(3):
                if i != j:
                    both |= a[i] & second[j]
        result[pairs] = both
    table = torch.cat([places, torch.ones(1, places.shape[1], dtype=torch.bool)])
    where = torch.where(claims.background >= 0, claims.background, torch.tensor(len(places)))
    result &= table[where][:, scenes.background]
    assert result.shape == (m, n)
    return result


def matches_second(
    scenes: SceneTable, claims: Claims, member: torch.Tensor, present: torch.Tensor
) -> list[torch.Tensor]:
    """For each of the three object slots: which scenes' object meets the claims' second spec; (m, n) bool each."""
    concept, colour = claims.concept[:, 1], claims.colour[:, 1]
    rows = member[torch.where(concept >= 0, concept, torch.tensor(len(member) - 1))]
    return [
        rows[:, scenes.glyph[:, o].clamp(min=0)]
        & present[:, o]
        & ((colour[:, None] < 0) | (colour[:, None] == scenes.colour[:, o]))
        for o in range(3)
    ]
