"""Train the oracle (see `oracle.py`): `python -m demo.train_oracle --out WORK/oracle.pt`. A few minutes on one
core.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from demo.claims import Sampler, random_table
from demo.glyphs import CATEGORIES, annotations, vocabulary
from demo.oracle import Oracle, both_ways
from demo.predicates import matches

BIG = 90  # a concept of more glyphs than this says too little


def cldr_concepts() -> tuple[np.ndarray, np.ndarray]:
    """Distinct glyph sets behind CLDR's names and keywords in both languages, the categories and single glyphs.

    Returns membership (c, glyphs) bool and sampling weights (c,).
    """
    ids = {g: i for i, g in enumerate(vocabulary())}
    sets: dict[frozenset[int], float] = {frozenset([i]): 1.0 for i in ids.values()}
    for language in ("en", "zh"):
        groups: dict[str, set[int]] = {}
        for glyph, (name, keywords) in annotations(language).items():
            for word in {name, *keywords, *(name.split() if language == "en" else ())}:
                groups.setdefault(word.lower(), set()).add(ids[glyph])
        for members in groups.values():
            if len(members) <= BIG:
                sets.setdefault(frozenset(members), 0.5)
    for block in CATEGORIES.values():
        sets[frozenset(ids[g] for g in block.split())] = 0.4
    table = np.zeros((len(sets), len(ids)), bool)
    for row, members in zip(table, sets, strict=True):
        row[list(members)] = True
    return table, np.array(list(sets.values()))


def single_places() -> np.ndarray:
    """(14 + unions, 14) bool: each background, then a few natural unions."""
    unions = [(3, 4), (2, 8), (10, 5), (0, 13), (6, 4), (1, 7)]
    table = np.zeros((14 + len(unions), 14), bool)
    table[:14] = np.eye(14, dtype=bool)
    for row, members in zip(table[14:], unions, strict=True):
        row[list(members)] = True
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=768)
    args = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    table, weights = cldr_concepts()
    places = single_places()
    sampler = Sampler(table, places, weights)
    concepts, where = torch.from_numpy(table), torch.from_numpy(places)
    oracle = Oracle(len(vocabulary()), len(table), len(places))
    optimiser = torch.optim.AdamW(oracle.parameters(), lr=3e-3, weight_decay=0.02, betas=(0.9, 0.98))
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=args.steps, pct_start=0.1)
    start = time.time()
    for step in range(args.steps):
        pool = rng.choice(len(vocabulary()), 120, replace=False) if step % 2 else None
        scenes = random_table(args.batch, rng, pool)
        claims = sampler.draw(scenes, rng)
        truth = matches(scenes, claims, concepts, where)
        logits = oracle.claims(claims) @ oracle.scenes(scenes).T * oracle.scale.clamp(max=4.2).exp()
        loss = both_ways(logits, truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        plan.step()
        if step % 100 == 0 or step == args.steps - 1:
            with torch.no_grad():
                first = truth.gather(1, logits.argmax(1, keepdim=True)).float().mean()
            print(
                f"{step} {time.time() - start:.0f}s loss {loss:.3f} first right {first:.3f}",
                flush=True,
            )
            torch.save(
                {"oracle": oracle.state_dict(), "concepts": table, "places": places, "weights": weights}, args.out
            )


if __name__ == "__main__":
    main()
