"""Hand-written test queries, the scenes that answer them, and the evaluation's scene sets.

`queries/en.jsonl` and `zh.jsonl` were written without sight of the caption program, and it without sight of them.
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

from demo.backgrounds import BACKGROUNDS
from demo.glyphs import COLOURS, dominant_colour, glyph_ids, normal, vocabulary
from demo.scenes import Scene, colour_of, place, random_scene

QUERIES = Path(__file__).with_name("queries")
Query = dict[str, Any]


def load(language: str) -> list[Query]:
    """Queries with their glyphs reduced to the vocabulary; those that lose all glyphs of an object are left out."""
    kept = []
    for line in (QUERIES / f"{language}.jsonl").read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        query = json.loads(line)
        specs = query["where"].get("objects", [])
        for spec in specs:
            if "glyphs" in spec:
                spec["glyphs"] = [normal(g) for g in spec["glyphs"] if normal(g) in glyph_ids()]
        if all(spec.get("glyphs", [1]) for spec in specs):
            kept.append(query)
    return kept


def answers(scene: Scene, where: dict[str, Any]) -> bool:
    """Does the scene meet the query: background in the list, each object spec met by a different object."""
    if where.get("background") and scene["background"] not in where["background"]:
        return False
    specs, things = where.get("objects", []), scene["objects"]

    def meets(thing: dict[str, Any], spec: dict[str, Any]) -> bool:
        if "glyphs" in spec and thing["glyph"] not in spec["glyphs"]:
            return False
        return not spec.get("colours") or colour_of(thing) in spec["colours"]

    return any(all(map(meets, chosen, specs)) for chosen in itertools.permutations(things, len(specs)))


def answer(where: dict[str, Any], rng: random.Random) -> Scene:
    """A new scene that meets the query, often with something else beside it."""
    glyphs: list[str] = []
    tints: list[str | None] = []
    for spec in where.get("objects", []):
        glyph = rng.choice(spec.get("glyphs") or vocabulary())
        tint: str | None = rng.choice(COLOURS) if rng.random() < 0.5 else None
        if spec.get("colours"):
            tint = rng.choice(spec["colours"])
            if dominant_colour(glyph) == tint and rng.random() < 0.7:
                tint = None
        glyphs.append(glyph)
        tints.append(tint)
    while not glyphs or (len(glyphs) < 3 and rng.random() < 0.35):
        glyphs.append(rng.choice(vocabulary()))
        tints.append(rng.choice(COLOURS) if rng.random() < 0.5 else None)
    return place(glyphs, tints, rng.choice(where.get("background") or BACKGROUNDS), rng)


def scenes_for(queries: list[Query], total: int, seed: str = "evaluation", each: int = 12) -> list[Scene]:
    """`each` answers for every different query, random scenes up to `total`, shuffled."""
    rng = random.Random(seed)
    wheres = {json.dumps(q["where"], sort_keys=True): q["where"] for q in queries}
    each = max(10, min(each, total // max(1, len(wheres))))
    scenes = [answer(where, rng) for where in wheres.values() for _ in range(each)]
    scenes += [random_scene(rng) for _ in range(total - len(scenes))]
    rng.shuffle(scenes)
    return scenes
