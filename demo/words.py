"""The words of captions: what concepts, colours and places are called in English and Chinese, and which glyphs they mean."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demo.backgrounds import BACKGROUNDS
from demo.glyphs import annotations, glyph_ids, vocabulary

LEXICON = Path(__file__).with_name("lexicon.txt")
BIG = 120  # a word for more glyphs than this says too little

COLOUR_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "red": ("red", "red", "red", "crimson", "scarlet", "bright red"), "orange": ("orange", "orange", "orange-coloured", "orange colored"),
        "yellow": ("yellow", "yellow", "yellow", "golden", "bright yellow"), "green": ("green", "green", "green", "dark green", "bright green"),
        "blue": ("blue", "blue", "blue", "navy", "dark blue", "light blue"), "purple": ("purple", "purple", "violet", "lilac"),
        "pink": ("pink", "pink", "pink", "rosy", "hot pink"), "brown": ("brown", "brown", "brown", "chocolate-brown", "tan"),
        "black": ("black", "black", "black", "jet black", "all-black"), "white": ("white", "white", "white", "snow-white", "all-white"),
        "gray": ("gray", "grey", "gray", "grey", "silver"),
    },
    "zh": {
        "red": ("红色", "红", "红色", "大红", "红颜色"), "orange": ("橙色", "橘色", "橙", "橘黄色", "橙黄色", "橘红色"),
        "yellow": ("黄色", "黄", "黄色", "金色", "金黄色"), "green": ("绿色", "绿", "绿色", "翠绿", "深绿色"),
        "blue": ("蓝色", "蓝", "蓝色", "深蓝色", "浅蓝色", "天蓝色"), "purple": ("紫色", "紫", "紫色", "淡紫色"),
        "pink": ("粉色", "粉红色", "粉红", "粉", "粉红色"), "brown": ("棕色", "褐色", "咖啡色", "棕", "棕褐色"),
        "black": ("黑色", "黑", "黑色", "漆黑", "纯黑"), "white": ("白色", "白", "白色", "雪白", "纯白", "洁白"),
        "gray": ("灰色", "灰", "灰色", "银色", "银灰色"),
    },
}

# backgrounds | English phrases after the noun | English adjectives and nouns before it | Chinese
PLACES = """
snow | in the snow, in a snow day, on a snow day, on a snowy day, in snowy weather, in winter, in the winter, during winter, on the snow, through the snow, \
in a snowstorm, in a blizzard, on a winter day, in a snowy field, covered in snow, in the cold, while it snows, when it is snowing, on snowy ground, in deep snow | \
snowy, snow, winter, wintry | 雪地里, 雪地上, 雪中, 雪里, 下雪天, 下雪的时候, 雪天, 冬天, 冬季, 大雪中, 冬日里, 雪地, 风雪中, 冰天雪地里, 在雪上
night | at night, in the night, by night, in the dark, at midnight, under the stars, after dark, in the darkness, under a starry sky, in the moonlight, under the moon, \
on a dark night, during the night, late at night, under the night sky, in the night sky | night, nighttime, night-time, starry, dark | \
夜里, 晚上, 夜晚, 黑夜里, 深夜, 夜色中, 夜空下, 星空下, 月光下, 半夜, 夜间, 黑暗中, 夜幕下, 夜空中, 星夜
grass | on the grass, in the grass, in a meadow, on the lawn, on a lawn, in a field, in a green field, in the park, in the garden, in the yard, in a pasture, \
on the meadow, on grassland, in the countryside, on green grass | grassy, grass, meadow, lawn | \
草地上, 草地里, 草坪上, 草丛里, 草原上, 田野里, 公园里, 花园里, 院子里, 绿地上, 牧场上, 青草地上, 草上
beach | on the beach, at the beach, on the sand, by the seaside, at the seaside, by the shore, on the shore, on a sandy beach, on the coast, at the coast, on the seashore | \
beach, sandy, seaside, coastal | 沙滩上, 海滩上, 海边, 海滩, 沙滩, 岸边, 海岸边, 在沙滩, 海岸上, 海滨
sea | in the sea, at sea, on the sea, in the ocean, on the ocean, on the water, in the water, in the waves, over the sea, on the open sea, in blue water, on the waves, \
under water, underwater, in the deep sea | sea, ocean, marine | 海里, 海上, 大海上, 大海里, 海中, 水里, 水上, 水中, 海面上, 海洋里, 大海中, 海浪中, 汪洋中, 海水里
road | on the road, on a road, on the street, on the highway, in the street, on the motorway, down the road, along the road, by the roadside, on a country road, \
on the freeway, on asphalt, at the roadside, in the middle of the road, in traffic | roadside, road, highway | 路上, 公路上, 马路上, 道路上, 高速公路上, 街上, 路边, 大路上, 马路中间, 在路上, 马路边
sky | in the sky, in the air, in a blue sky, among the clouds, in the clouds, above the clouds, up in the air, against a blue sky, against the sky, high in the sky, \
under a blue sky, in the blue sky | sky, sky-high, airborne | 天上, 天空中, 空中, 蓝天上, 云中, 云端, 天空里, 半空中, 蓝天白云, 云层上, 蓝天下, 高空中, 云朵之间
sunset | at sunset, at dusk, in the evening, at sundown, during sunset, in the sunset, at twilight, in the evening light, against the sunset, in the setting sun, in the evening glow, \
at golden hour, under an orange sky, before the sunset | sunset, evening, dusk | 夕阳下, 日落时, 黄昏, 傍晚, 夕阳中, 落日下, 日落, 黄昏时分, 晚霞中, 夕阳里, 傍晚时分, 暮色中, 晚霞下
forest | in the forest, in the woods, in a forest, among the trees, between the trees, in the jungle, in the wood, through the forest, under the trees, in a pine forest, deep in the woods | \
forest, woodland | 森林里, 树林里, 林中, 丛林里, 森林中, 树林中, 林子里, 松林里, 树丛中, 在森林, 密林中, 树下
desert | in the desert, on a dune, on the dunes, in the sand dunes, across the desert, in a desert, in the sahara, among the dunes, on the hot sand, through the desert, in the dry desert | \
desert, dusty | 沙漠里, 沙漠中, 沙丘上, 戈壁上, 大漠中, 沙漠上, 荒漠里, 戈壁滩上, 沙漠
city | in the city, in town, downtown, in a city, in the city centre, in the city center, among skyscrapers, between buildings, in front of buildings, in an urban street, \
in front of skyscrapers, in the middle of the city, in the big city | city, urban, downtown | 城市里, 市区, 市中心, 城里, 高楼之间, 都市里, 大城市里, 城市中, 高楼大厦前, 楼房前, 大楼前, 城市街头
room | in a room, in the room, indoors, inside, at home, in the house, in the living room, in the bedroom, on the floor, inside a room, in an apartment, by the window, on a wooden floor, in my room | \
indoor, living room | 房间里, 屋里, 室内, 家里, 客厅里, 房子里, 屋子里, 卧室里, 地板上, 屋内, 窗边, 房间中
rain | in the rain, in rainy weather, on a rainy day, during the rain, in a storm, in heavy rain, in the pouring rain, while it rains, when it is raining, through the rain, \
in wet weather, in a downpour, in the storm, under the rain | rainy, wet, rain | 雨中, 雨里, 下雨天, 雨天, 大雨中, 下雨的时候, 暴雨中, 雨水中, 风雨中, 在雨中, 细雨中
mountains | in the mountains, on a mountain, among mountains, near the mountains, at the foot of the mountain, in the hills, in the alps, in front of mountains, in a mountain valley, \
by the mountains, in a valley, before the mountains, up in the mountains | mountain, alpine | 山里, 山上, 山间, 山中, 群山中, 山脚下, 高山上, 大山里, 山谷里, 群山之间, 山前, 雪山前, 深山里
sea beach | by the sea, by the water, by the ocean, near the water, near the sea, at the ocean | seaside | 海边, 水边
city road | on the street, in the street, on a street, in traffic | street | 街上, 街头, 大街上, 街道上
grass forest mountains | in nature, in the wild, outdoors in nature | | 大自然中, 野外
"""


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
    for line in PLACES.strip().splitlines():
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
