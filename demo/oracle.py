"""The meeting point of the two towers: an embedding of scenes made from their data, without a picture or a word.

A scene's vector is the sum of its objects' vectors (glyph with colour) and its background's, scaled to length
one; a claim's vector is made likewise from concepts. Both are trained together on the exact truth matrix in a
few minutes on a CPU, then frozen. The vision tower learns to see the scene vectors in pictures and the text
tower learns to read captions into the same space, so neither has to wait for the other, and each learns from
dense targets.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from demo.predicates import Claims, SceneTable

WIDTH = 512


class Things(nn.Module):
    """(name index, colour index) → 512: a part for the name, a part for the colour, and a part for the two together."""

    def __init__(self, names: int, colours: int = 12, inner: int = 192) -> None:
        super().__init__()
        self.name = nn.Embedding(names, inner)
        self.colour = nn.Embedding(colours, inner)
        self.direct = nn.Linear(inner, WIDTH, bias=False)
        self.shade = nn.Linear(inner, WIDTH, bias=False)
        self.bind = nn.Sequential(nn.Linear(2 * inner, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))

    def forward(self, name: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
        a, b = self.name(name), self.colour(colour)
        return self.direct(a) + self.shade(b) + self.bind(torch.cat([a, b], -1))


class Oracle(nn.Module):
    """`scenes` and `claims` → unit vectors (n, 512)."""

    def __init__(self, glyphs: int, concepts: int, places: int) -> None:
        super().__init__()
        self.objects = Things(glyphs)
        self.specs = Things(concepts + 1)
        self.background = nn.Embedding(14, WIDTH)
        self.place = nn.Embedding(places + 1, WIDTH)
        self.scale = nn.Parameter(torch.tensor(2.7))
        nn.init.normal_(self.background.weight, std=0.5)
        nn.init.normal_(self.place.weight, std=0.5)

    def scenes(self, table: SceneTable) -> torch.Tensor:
        present = (table.glyph >= 0).unsqueeze(-1)
        things = self.objects(table.glyph.clamp(min=0), table.colour + 1) * present
        return functional.normalize(things.sum(1) + self.background(table.background), dim=-1)

    def claims(self, claims: Claims) -> torch.Tensor:
        present = (claims.concept > -2).unsqueeze(-1)
        things = self.specs(claims.concept.clamp(min=-1) + 1, claims.colour.clamp(min=-1) + 1) * present
        return functional.normalize(things.sum(1) + self.place(claims.background + 1), dim=-1)


def many_positive(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Cross-entropy against the even distribution over each row's true columns; rows without any are left out."""
    counts = truth.sum(1)
    kept = counts > 0
    logs = functional.log_softmax(logits[kept].float(), 1)
    return -(logs * truth[kept]).sum(1).div(counts[kept]).mean()


def both_ways(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """`many_positive` over rows and over columns, averaged."""
    return (many_positive(logits, truth) + many_positive(logits.T, truth.T)) / 2
