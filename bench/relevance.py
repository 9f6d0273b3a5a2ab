"""Which formula tells matches from chance: `python -m bench.relevance [--scenes 6000]`. No database, about two minutes.

Hand-written queries (English and Chinese) over unseen scenes, with the truth about each pair. Read down a column: F1,
precision and recall of the matches, mean over queries; `gone`: every answer taken out of the library, how many matches
are left (median), and for how many queries at most one in a thousand; `nonsense`: matches of queries about nothing
that can be drawn (mean); AUC: all pairs of all queries in one ranking by relevance. No formula saw the truth.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Callable

import numpy as np

from demo.asked import answers, load, scenes_for
from demo.backgrounds import BACKGROUNDS
from demo.evaluate import bundled_encoder, embed

NONSENSE = [
    "lorem ipsum dolor sit amet",
    "asdf qwer zxcv",
    "2024-Q3 revenue forecast",
    "xkjq vbnm",
    "the theory of relativity",
    "democracy",
    "tax return form",
    "kubernetes deployment yaml",
    "photosynthesis",
    "quarterly board meeting minutes",
    "inflation",
    "hjkl",
    "12345",
    "how to install python",
    "error 404",
    "GDPR compliance",
    "stock options",
    "增值税发票",
    "相对论",
    "季度财务报告",
    "软件许可协议",
    "哲学",
    "阿斯蒂芬",
    "通货膨胀",
    "数据库迁移",
    "法律条款",
]

Formula = Callable[[np.ndarray], np.ndarray]  # similarities to the sample (queries, sample) → cuts (queries, 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=6000)
    args = parser.parse_args()
    encoder = bundled_encoder("emoji-scenes")
    from search.relevance import CUTS, NEUTRAL, measure

    asked = [query for language in ("en", "zh") for query in load(language)]
    scenes = scenes_for(asked, args.scenes)
    pictures = embed(encoder, scenes, 128)
    texts = encoder.encode_text([query["query"] for query in asked])
    truth = np.array([[answers(scene, query["where"]) for scene in scenes] for query in asked])
    neutral, nonsense = encoder.encode_text(NEUTRAL), encoder.encode_text(NONSENSE)
    rng = np.random.default_rng(0)

    def sampled(count: int) -> np.ndarray:
        return pictures[rng.choice(len(pictures), min(count, len(pictures)), replace=False)]

    drawn = rng.choice(len(pictures), min(2000, len(pictures)), replace=False)
    sample = pictures[drawn]
    numbers = measure(neutral, sample)
    centre, spread = numbers["text"]["centre"], numbers["text"]["spread"]
    reach = CUTS["text"] * spread
    tops = np.sort(neutral @ sample.T, 1)[:, -5:].mean(1)
    slope = float(np.polyfit(np.median(neutral @ sample.T, 1), tops, 1)[0])

    def located(share: float) -> Formula:
        return lambda s: centre + share * (np.median(s, 1, keepdims=True) - centre) + reach

    def own(s: np.ndarray) -> np.ndarray:
        middle, low = np.percentile(s, [50, 15.87], axis=1)[..., None]
        return middle + CUTS["text"] * (middle - low)

    def gap(s: np.ndarray) -> np.ndarray:
        return np.maximum(np.sort(s, 1)[:, -3:].mean(1, keepdims=True) - 0.07, centre + reach)

    def expected_maximum(s: np.ndarray) -> np.ndarray:
        """Matches only where the best of the sample beats what the best of so many draws of chance would be."""
        beats = s.max(1, keepdims=True) >= centre + 3.7 * spread
        return np.where(beats, centre + reach, centre + 3.7 * spread)

    formulas: dict[str, Formula] = {
        "one cut for the space (kept)": located(0),
        f"+ {slope:.2f} of each query's location": located(slope),
        "+ each query's location": located(1),
        "each query's location and spread": own,
        "no farther than 0.07 from the best": gap,
        "best above the expected maximum": expected_maximum,
    }
    here, nowhere = texts @ pictures.T, nonsense @ pictures.T
    print(f"{len(asked)} queries, {len(scenes)} scenes; chance: {numbers}\n")
    print(f"{'':36}{'F1':>6}{'prec.':>7}{'recall':>7}{'gone':>6}{'few':>6}{'nonsense':>10}{'AUC':>7}")
    for name, formula in formulas.items():
        cuts = formula(texts @ sample.T)
        gone = np.where(truth, -1, here)
        left = gone >= formula(gone[:, drawn])
        false = left.sum(1)
        print(
            f"{name:36}{_scores(here >= cuts, truth)}{np.median(false):6.0f}{(false <= len(scenes) / 1000).mean():6.2f}"
            f"{(nowhere >= formula(nonsense @ sample.T)).sum(1).mean():10.1f}{_auc(here - cuts, truth):7.3f}"
        )
    print("\nThe kept cut measured on other libraries of the same kind: cut, and F1 over all scenes")
    for count in (20, 200, 2000):
        cut = _cut(measure(neutral, sampled(count))["text"], CUTS["text"])
        print(f"{count:6} pictures  {cut:.3f} {_scores(here >= cut, truth)}")
    print("\nQueries with the most answers: share of the library, precision and recall")
    for i in np.argsort(-truth.mean(1))[:5]:
        row = _scores((here[i : i + 1] >= centre + reach), truth[i : i + 1])
        print(f"{asked[i]['query']:36}{truth[i].mean():6.2f}{row}")
    _pictures(scenes, pictures, _cut(numbers["picture"], CUTS["picture"]))
    _composed(encoder, asked, scenes, pictures, texts, truth, numbers)
    return 0


def _cut(background: dict[str, float], reach: float) -> float:
    return background["centre"] + reach * background["spread"]


def _scores(found: np.ndarray, truth: np.ndarray) -> str:
    right = (found & truth).sum(1)
    f1 = 2 * right / np.maximum(1, found.sum(1) + truth.sum(1))
    precision, recall = right / np.maximum(1, found.sum(1)), right / np.maximum(1, truth.sum(1))
    return f"{f1.mean():6.3f}{precision.mean():7.3f}{recall.mean():7.3f}"


def _auc(values: np.ndarray, truth: np.ndarray) -> float:
    order = np.argsort(values, axis=None)
    ranks = np.empty(values.size)
    ranks[order] = np.arange(values.size)
    right, count = ranks[truth.ravel()], int(truth.sum())
    return float((right.sum() - count * (count - 1) / 2) / (count * (values.size - count)))


def _pictures(scenes: list, pictures: np.ndarray, cut: float) -> None:
    things = [{thing["glyph"] for thing in scene["objects"]} for scene in scenes]
    asked = [i for i, own in enumerate(things) if len(own) == 1][:300]
    truth = np.array([[i != j and bool(things[i] & other) for j, other in enumerate(things)] for i in asked])
    found = pictures[asked] @ pictures.T
    found[np.arange(len(asked)), asked] = -1
    some = truth.sum(1) >= 5
    found, truth = found[some], truth[some]
    print(f"\nPicture to picture, the same thing in it: {some.sum()} queries; cut {cut:.3f}")
    for value in (0.4, cut, 0.6):
        print(f"  cut {value:.3f} {_scores(found >= value, truth)}  matches {(found >= value).sum(1).mean():.0f}")


def _composed(encoder, asked, scenes, pictures, texts, truth, numbers) -> None:
    from search.relevance import CUTS, of_parts

    places = encoder.encode_text(list(BACKGROUNDS))
    where = np.array([[scene["background"] == place for scene in scenes] for place in BACKGROUNDS])
    print(
        "\nComposed of a thing and a place; F1, precision, recall: ours, the cut of a text, each part's noise added up"
    )
    text = numbers["text"]
    for sign, word in ((1.0, "thing + place"), (-1.0, "thing - place"), (-0.5, "thing - place/2")):
        pairs = [
            (i, j)
            for i, query in enumerate(asked)
            if not query["where"].get("background")
            for j in range(len(places))
            if min((truth[i] & where[j]).sum(), (truth[i] & ~where[j]).sum()) >= 2
        ]
        pairs = random.Random(1).sample(pairs, min(300, len(pairs)))
        right = np.array([truth[i] & (where[j] if sign > 0 else ~where[j]) for i, j in pairs])
        sums = np.stack([texts[i] + sign * places[j] for i, j in pairs])
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        cosines = sums / lengths @ pictures.T
        found = [of_parts([(1, "text", texts[i]), (sign, "text", places[j])], numbers) for i, j in pairs]
        ours = np.array([[one.cut if one else 1.0] for one in found])
        noise = (1 + sign) * text["centre"] / lengths
        noise = noise + CUTS["text"] * text["spread"] * (1 + sign**2) ** 0.5 / lengths
        plain = _cut(text, CUTS["text"])
        rows = "  |".join(_scores(cosines >= cut, right) for cut in (ours, plain, noise))
        print(f"  {word:16}{rows}")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dam.settings")
    sys.exit(main())
