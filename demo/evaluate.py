"""How well the bundled model finds scenes: `python -m demo.evaluate [--json] [--scenes 6000] [--model
emoji-scenes]`.

Natural queries: hand-written, over unseen scenes in which each has at least ten answers; first hit right and
precision@10. Program captions: one for each of 1,000 unseen scenes; R@10 = the caption's own scene is among
the first ten, not counting other scenes of which the caption is true as well.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image

from demo.asked import answers, load, scenes_for
from demo.captions import Writer, specs_of
from demo.claims import Sampler
from demo.predicates import SceneTable, matches
from demo.scenes import Scene, random_scene, render
from demo.words import place_table, words

GOALS = {"en": {"first": 0.80, "p10": 0.70, "r10": 0.95}, "zh": {"first": 0.70, "p10": 0.60, "r10": 0.85}}
LANGUAGES = ("en", "zh")


class Encoder(Protocol):
    """Pictures and texts to unit vectors, float32 (n, 512)."""

    def encode_images(self, images: list[Image.Image]) -> np.ndarray: ...

    def encode_text(self, texts: list[str]) -> np.ndarray: ...


def embed(encoder: Encoder, scenes: list[Scene], size: int, batch: int = 64) -> np.ndarray:
    """Render and encode: (n, 512) float32."""
    return np.concatenate(
        [encoder.encode_images([render(s, size) for s in scenes[i : i + batch]]) for i in range(0, len(scenes), batch)]
    )


def natural(encoder: Encoder, scenes: int = 6000, size: int = 256, every: int = 1) -> dict[str, Any]:
    """Hand-written queries of both languages (each `every`-th) over one set of scenes."""
    queries = {language: load(language)[::every] for language in LANGUAGES}
    shown = scenes_for([q for language in LANGUAGES for q in queries[language]], scenes)
    start = time.perf_counter()
    vectors = embed(encoder, shown, size)
    result: dict[str, Any] = {
        "scenes": len(shown),
        "pictures_per_second": round(len(shown) / (time.perf_counter() - start), 1),
    }
    for language in LANGUAGES:
        asked = encoder.encode_text([q["query"] for q in queries[language]])
        result[language] = _score(queries[language], shown, asked @ vectors.T)
    return result


def _score(queries: list[dict[str, Any]], scenes: list[Scene], similarity: np.ndarray) -> dict[str, Any]:
    rows = []
    for query, line in zip(queries, similarity, strict=True):
        right = np.array([answers(s, query["where"]) for s in scenes])
        best = np.argsort(-line, kind="stable")[:10]
        rows.append(
            {
                "query": query["query"],
                "answers": int(right.sum()),
                "first": bool(right[best[0]]),
                "p10": float(right[best].mean()),
            }
        )
    fewest = min(r["answers"] for r in rows)
    assert fewest >= 10, "a query has fewer than ten answers"
    return {
        "queries": len(rows),
        "fewest_answers": fewest,
        "first": float(np.mean([r["first"] for r in rows])),
        "p10": float(np.mean([r["p10"] for r in rows])),
        "rows": rows,
    }


def program(encoder: Encoder, scenes: int = 1000, size: int = 256) -> dict[str, Any]:
    """One generated caption for each unseen scene and language."""
    rng = random.Random("program captions")
    shown = [random_scene(rng) for _ in range(scenes)]
    table = SceneTable.of(shown)
    vectors = embed(encoder, shown, size)
    result: dict[str, Any] = {"scenes": scenes}
    for language in LANGUAGES:
        known = words(language)
        claims = Sampler(known.concepts, place_table(), known.weights).draw(table, np.random.default_rng(5))
        writer = Writer(language, known)
        lines = [
            writer.write(specs_of(c, k), p, rng)
            for c, k, p in zip(claims.concept.tolist(), claims.colour.tolist(), claims.background.tolist(), strict=True)
        ]
        truth = matches(table, claims, torch.from_numpy(known.concepts), torch.from_numpy(place_table())).numpy()
        assert truth.diagonal().all()
        similarity = encoder.encode_text(lines) @ vectors.T
        own = similarity.diagonal()[:, None]
        rank = ((similarity > own) & ~truth).sum(1)
        result[language] = {"r1": float((rank < 1).mean()), "r10": float((rank < 10).mean())}
    return result


def evaluate(
    encoder: Encoder, scenes: int = 6000, captions: int = 1000, size: int = 256, every: int = 1
) -> dict[str, Any]:
    """All numbers. `evaluate(encoder, scenes=600, captions=200, every=6)` is small enough for a test; each query has at
    least ten answers in any case."""
    return {
        "natural": natural(encoder, scenes, size, every),
        "program": program(encoder, captions, size),
        "picture_px": size,
    }


def bundled_encoder(name: str) -> Encoder:
    """The project's own encoder, so that loading and preprocessing are measured as they are used."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dam.settings")
    import django

    django.setup()
    from search.encoders.open_clip import OpenClipEncoder

    return OpenClipEncoder(name)


def table_of(numbers: dict[str, Any]) -> str:
    """The numbers beside their goals, as text."""
    lines = [f"{'':34}{'English':>9}{'goal':>7}{'Chinese':>9}{'goal':>7}"]
    for label, block, key in (
        ("first hit right", "natural", "first"),
        ("precision@10", "natural", "p10"),
        ("program captions, R@10", "program", "r10"),
    ):
        cells = "".join(f"{numbers[block][x][key]:9.3f}{GOALS[x][key]:7.2f}" for x in LANGUAGES)
        lines.append(f"{label:34}{cells}")
    counts = ", ".join(f"{numbers['natural'][x]['queries']} {x}" for x in LANGUAGES)
    lines.append(
        f"{numbers['natural']['scenes']} scenes of {numbers['picture_px']} px, natural queries: {counts}; "
        f"program captions: {numbers['program']['scenes']} scenes"
    )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="emoji-scenes")
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--captions", type=int, default=1000)
    parser.add_argument("--size", type=int, default=256, help="px of the rendered pictures")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    numbers = evaluate(bundled_encoder(args.model), args.scenes, args.captions, args.size)
    print(json.dumps(numbers, ensure_ascii=False, indent=1) if args.json else table_of(numbers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
