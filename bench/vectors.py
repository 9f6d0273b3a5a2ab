"""Vectors with the statistics of real ones: rendered scenes through the bundled model, extended to any number.

``Space.extended(n)`` keeps the real vectors and adds, around random real ones, points between near neighbours:
``a + t (b − a) + s (c − d)``, with a real, b, c, d among its ten nearest, t uniform in 0 … 0.5, and s such that the
spread that interpolation takes away (t (1 − t) of the squared distance) is given back along directions in which the
neighbours themselves differ; scaled to length 1, and rounded to float16 as in the database. ``Space.compare`` prints
what that does to distances between neighbours, their growth with rank and the similarity of texts.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SCENES, HELD_OUT = 8000, 400
NEIGHBOURS = 10


@dataclass
class Space:
    """Real unit vectors, float32 (n, 512): library scenes, held-out scenes, texts of both languages."""

    scenes: np.ndarray
    held_out: np.ndarray
    texts: np.ndarray

    @classmethod
    def load(cls, path: Path, scenes: int = SCENES) -> "Space":
        """Read them from ``path``, or make them (80 scenes a second on one core) and keep them there."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **cls._made(scenes))
        kept = np.load(path)
        return cls(**{name: kept[name] for name in ("scenes", "held_out", "texts")})

    @staticmethod
    def _made(scenes: int) -> dict[str, np.ndarray]:
        import torch

        from demo.asked import load
        from demo.feed import picture
        from demo.scenes import random_scene
        from search.encoders import get_encoder

        torch.set_num_threads(1)
        encoder, rng = get_encoder("emoji-scenes"), random.Random(20260)
        pictures = [
            encoder.encode_images([picture(random_scene(rng), 96, rng) for _ in range(80)])
            for _ in range(-(-(scenes + HELD_OUT) // 80))
        ]
        found = np.concatenate(pictures)
        texts = encoder.encode_text([query["query"] for language in ("en", "zh") for query in load(language)])
        return {"scenes": found[:scenes], "held_out": found[scenes:][:HELD_OUT], "texts": texts}

    def extended(self, count: int, seed: int = 7) -> np.ndarray:
        """Return ``count`` unit vectors, float16 (count, 512); the first are the real ones."""
        rng, real = np.random.default_rng(seed), self.scenes
        near = _nearest(real, NEIGHBOURS)
        made = [real[:count]]
        for start in range(len(real), count, 20_000):
            n = min(20_000, count - start)
            a = rng.integers(len(real), size=n)
            b, c, d = (real[near[a, rng.integers(NEIGHBOURS, size=n)]] for _ in range(3))
            t = rng.uniform(0, 0.5, size=(n, 1)).astype(np.float32)
            between = real[a] + t * (b - real[a]) + np.sqrt(t * (1 - t)) * (c - d)
            made.append(between / np.linalg.norm(between, axis=1, keepdims=True))
        return np.concatenate(made).astype(np.float16)

    def compare(self, extended: np.ndarray, seed: int = 8) -> str:
        """Return a table: the real scenes beside as many of the extended ones."""
        rng = np.random.default_rng(seed)
        sample = extended[rng.choice(len(extended), len(self.scenes), replace=False)].astype(np.float32)
        columns = [_statistics(vectors, self.held_out, self.texts) for vectors in (self.scenes, sample)]
        lines = [f"{'statistic':<44} {'real':>8} {'extended':>9}   ({len(sample)} vectors of each)"]
        return "\n".join(lines + [f"{name:<44} {columns[0][name]:8.3f} {columns[1][name]:9.3f}" for name in columns[0]])


def _nearest(vectors: np.ndarray, count: int) -> np.ndarray:
    """Return the indexes of each row's nearest other rows, (n, count)."""
    found = []
    for start in range(0, len(vectors), 1000):
        similar = vectors[start : start + 1000] @ vectors.T
        similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = -2
        found.append(np.argpartition(-similar, count, axis=1)[:, :count])
    return np.concatenate(found)


def _statistics(vectors: np.ndarray, pictures: np.ndarray, texts: np.ndarray) -> dict[str, float]:
    result = {}
    for name, asked in (("scene", pictures), ("text", texts)):
        similar = -np.sort(-(asked @ vectors.T), axis=1)
        distance = np.sqrt(np.maximum(2 - 2 * similar[:, :200], 1e-9))
        result[f"{name} → nearest, distance"] = float(distance[:, 0].mean())
        result[f"{name} → tenth, distance"] = float(distance[:, 9].mean())
        result[f"{name} → 200th, distance"] = float(distance[:, 199].mean())
        result[f"{name} → any, similarity"] = float(similar.mean())
        result[f"{name} → any, similarity, deviation"] = float(similar.std(axis=1).mean())
        # Levina and Bickel's estimate, from the nearest 200: how fast the neighbourhood fills with distance.
        logs = np.log(distance[:, -1:] / distance[:, :-1])
        result[f"{name} → local dimension"] = float(1 / logs.mean(axis=1).mean())
    return result
