"""The words of captions: what concepts, colours and places are called in English and Chinese, and which glyphs
they mean.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demo.backgrounds import BACKGROUNDS
from demo.glyphs import annotations, glyph_ids, vocabulary

LEXICON = Path(__file__).with_name("lexicon.txt")
PLACES = Path(__file__).with_name("places.txt")
BIG = 120  # a word for more glyphs than this says too little

COLOUR_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "red": ("red", "red", "red", "crimson", "scarlet", "bright red"),
        "orange": ("orange", "orange", "orange-coloured", "orange colored"),
        "yellow": ("yellow", "yellow", "yellow", "golden", "bright yellow"),
        "green": ("green", "green", "green", "dark green", "bright green"),
        "blue": ("blue", "blue", "blue", "navy", "dark blue", "light blue"),
        "purple": ("purple", "purple", "violet", "lilac"),
        "pink": ("pink", "pink", "pink", "rosy", "hot pink"),
        "brown": ("brown", "brown", "brown", "chocolate-brown", "tan"),
        "black": ("black", "black", "black", "jet black", "all-black"),
        "white": ("white", "white", "white", "snow-white", "all-white"),
        "gray": ("gray", "grey", "gray", "grey", "silver"),
    },
    "zh": {
        "red": ("红色", "红", "红色", "大红", "红颜色"),
        "orange": ("橙色", "橘色", "橙", "橘黄色", "橙黄色", "橘红色"),
        "yellow": ("黄色", "黄", "黄色", "金色", "金黄色"),
        "green": ("绿色", "绿", "绿色", "翠绿", "深绿色"),
        "blue": ("蓝色", "蓝", "蓝色", "深蓝色", "浅蓝色", "天蓝色"),
        "purple": ("紫色", "紫", "紫色", "淡紫色"),
        "pink": ("粉色", "粉红色", "粉红", "粉", "粉红色"),
        "brown": ("棕色", "褐色", "咖啡色", "棕", "棕褐色"),
        "black": ("黑色", "黑", "黑色", "漆黑", "纯黑"),
        "white": ("白色", "白", "白色", "雪白", "纯白", "洁白"),
        "gray": ("灰色", "灰", "灰色", "银色", "银灰色"),
    },
}


@dataclass
class Words:
    """Concepts of one language: membership (c, glyphs) bool, weights (c,), and the phrases of each concept."""

    concepts: np.ndarray
    weights: np.ndarray
    phrases: list[tuple[str, ...]]


@functools.cache
def lexicon() -> dict[str, dict[str, set[int]]]:
    """The handwritten file: language → phrase → glyph ids (the union over all lines that carry the phrase)."""
    result: dict[str, dict[str, set[int]]] = {"en": {}, "zh": {}}
    ids = glyph_ids()
    for line in LEXICON.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            glyphs, *columns = (part.strip() for part in line.split("|"))
            members = {ids[g] for g in glyphs.split() if g in ids}
            for language, column in zip(("en", "zh"), columns, strict=True):
                for phrase in column.split(","):
                    if phrase.strip():
                        result[language].setdefault(phrase.strip().lower(), set()).update(members)
    return result


@functools.cache
def words(language: str) -> Words:
    """All concepts of a language. A handwritten phrase wins over the same word in CLDR; common words weigh more."""
    meaning: dict[str, frozenset[int]] = {p: frozenset(m) for p, m in lexicon()[language].items()}
    weight: dict[str, float] = dict.fromkeys(meaning, 2.0)
    found: dict[str, set[int]] = {}
    ids = {g: i for i, g in enumerate(vocabulary())}
    names = set()
    for glyph, (name, keywords) in annotations(language).items():
        names.add(name.lower())
        for phrase in {name, *keywords}:
            found.setdefault(phrase.lower(), set()).add(ids[glyph])
    for phrase, members in found.items():
        if phrase not in meaning and len(members) <= BIG:
            meaning[phrase] = frozenset(members)
            weight[phrase] = 1.0 if phrase in names else 0.35
    groups: dict[frozenset[int], list[str]] = {}
    for phrase, kept in meaning.items():
        groups.setdefault(kept, []).append(phrase)
    table = np.zeros((len(groups), len(ids)), bool)
    for row, kept in zip(table, groups, strict=True):
        row[list(kept)] = True
    phrases = [tuple(g) for g in groups.values()]
    weights = np.array([sum(weight[p] for p in g) ** 0.7 for g in phrases])
    return Words(table, weights, phrases)


@dataclass
class Place:
    backgrounds: tuple[int, ...]
    after: tuple[str, ...]
    before: tuple[str, ...]
    chinese: tuple[str, ...]


@functools.cache
def places() -> tuple[Place, ...]:
    """The first fourteen are the backgrounds in their own order, then unions."""
    result = []
    for line in PLACES.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        kinds, *columns = (part.strip() for part in line.split("|"))
        after, before, chinese = (tuple(p.strip() for p in c.split(",") if p.strip()) for c in columns)
        result.append(Place(tuple(BACKGROUNDS.index(k) for k in kinds.split()), after, before, chinese))
    return tuple(result)


def place_table() -> np.ndarray:
    """(places, 14) bool."""
    table = np.zeros((len(places()), len(BACKGROUNDS)), bool)
    for row, place in zip(table, places(), strict=True):
        row[list(place.backgrounds)] = True
    return table
