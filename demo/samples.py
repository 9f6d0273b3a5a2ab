"""The sample library: about 200 rendered scenes that go together, with tags, dates and titles.

`python -m demo.samples` writes `demo/samples/*.webp` (512 px) and `samples.json`: a list of
{"file", "title", "tags", "taken_at" (ISO date and time), "collection", "background", "scene"}.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
from pathlib import Path
from typing import Any

from demo.glyphs import CATEGORIES, annotations, dominant_colour, normal
from demo.scenes import Scene, colour_of, place, render

SAMPLES = Path(__file__).with_name("samples")

# Always there: background | glyph and tint of each object
FIXED = """
snow | 🚚 white
snow | 🚛 white
snow | 🛻 white
snow | 🚚 white ; 🌲
snow | 🚛 red
snow | 🚗 blue ; ⛄
night | 🚗 black
night | 🚘 black
night | 🚙 black
night | 🚗 black ; 🚦
night | 🚕 ; 🏢
rain | 🚕 ; 🌂 red
beach | 🚗 red ; 🌴
road | 🚚 white
road | 🛻 black
desert | 🚙 green
city | 🚌 yellow ; 🚏
road | 🏍 black
city | 🚓 ; 🚦
road | 🚜 green ; 🐄
city | 🚲 red
forest | 🚲 blue
"""

# What is likely to be met where: (collection, months, glyphs; several objects are drawn from the same list)
THEMES: dict[str, tuple[str, tuple[int, ...], str]] = {
    "snow": ("Winter", (12, 1, 2), "⛷ 🏂 🛷 ⛄ 🐧 🐻‍❄ 🦊 🐺 🏠 🧣 🧤 ⛸ 🦌 🎿 🎄 🎅 🐕 🚂 🐇 🏒"),
    "night": ("After dark", (3, 6, 9, 11), "🦉 🦇 🎡 🎆 🏰 🚓 🚑 🐺 🐈‍⬛ 🔭 🏮 🎃 🚀 🛸 🗼 🕯 🏍 👻 🚂 ⛺"),
    "grass": ("Countryside", (4, 5, 6, 7), "🐄 🐑 🐎 🐐 🐇 🦋 🐝 🌷 🌻 🐕 ⚽ 🚜 🏡 🐓 🦔 🌳 🐞 🐖 🧺 🪁 🏕 🦆"),
    "beach": ("Seaside", (6, 7, 8), "⛱ 🦀 🐚 🏐 🌴 🏄 🐢 🩴 👙 🕶 🍍 🍉 🍦 🛟 🐕 🍹 👒 ⛵"),
    "sea": ("Seaside", (5, 6, 7, 8), "🐬 🐳 🐙 🐠 🐡 🦈 ⛵ 🚤 🛥 🚢 🦑 🐢 🏊 🛶 ⚓ 🐟"),
    "road": ("On the road", (3, 5, 9, 10), "🚗 🚙 🚌 🚛 🏍 🚲 🛻 🚐 🚴 🐎 🚑 🚒 🏎 ⛽ 🐑 🚧 🛵 🐿"),
    "sky": ("In the air", (4, 5, 8, 9), "✈ 🚁 🪂 🎈 🦅 🕊 🪁 🛩 🦜 🐦 🚀 🦋 🌈 🦢 ☀ 🛸"),
    "sunset": ("Evenings", (8, 9, 10), "⛵ 🐘 🦒 🦩 🌴 🐎 🐪 🎡 🏝 🦁 🕊 🚢 🚁 🎸 🚂"),
    "forest": ("Countryside", (9, 10, 11), "🦌 🐻 🦊 🦉 🐿 🍄 ⛺ 🐗 🦔 🥾 🍁 🧚 🦡 🪵 🐺 🪓 🍂"),
    "desert": ("Far away", (2, 3, 11), "🐪 🐫 🌵 🦎 🐍 🦂 🛖 🏍 🦅 🕌 🗿 🏺 🏜 🎪 🚁".replace(" 🏜", "")),
    "city": ("City", (1, 4, 6, 9, 10), "🚌 🚕 🚲 🛵 🚦 🚑 🚒 🛴 🐦 🐈 🍕 ☕ 🌭 📮 🏃 💃 🎷 🎒 🚋 🛍 🏗"),
    "room": (
        "At home",
        (1, 2, 3, 10, 11, 12),
        "🐈 🐕 🛋 🪴 🎂 🧸 🎸 📚 ☕ 🍕 🎹 🪑 🕯 📺 🎁 🎄 🍎 🥐 👗 👠 🧶 💻 ⏰ 🎻 🍰 🍜 🌹 👶 📷",
    ),
    "rain": ("After dark", (4, 10, 11), "☂ 🌂 🐸 🐌 🚌 🦆 🥾 🚲 🚚 🧥 🐕 🚑 🍄 🏃"),
    "mountains": ("Far away", (6, 7, 8, 9), "🐐 🦅 🏔 🧗 ⛺ 🚠 🥾 🦙 🏡 🚂 🐄 🚁 🎒 🚵 🐻 🌲 🧘 🏕".replace(" 🏔", "")),
}
COUNT = {"room": 20, "city": 14, "snow": 14, "night": 14, "grass": 14, "sea": 13}  # others 12
PAINTED = [
    "🚗",
    "🚙",
    "🚌",
    "🚲",
    "🏍",
    "🛵",
    "🚁",
    "✈",
    "🎈",
    "🪁",
    "⛵",
    "🚤",
    "🛻",
    "🚚",
    "🚛",
    "🌷",
    "🌹",
    "👗",
    "👠",
    "🎒",
    "🧥",
    "🧣",
    "🧤",
    "☂",
    "🌂",
    "🛋",
    "🪑",
    "⛺",
    "🚂",
    "🐕",
    "🐈",
    "🐎",
    "🦋",
    "🐦",
    "🐠",
    "⏰",
    "🎸",
    "🪂",
    "🛷",
    "🚐",
    "🩴",
    "👙",
    "🧸",
    "🎁",
    "🥾",
    "🛴",
    "🕯",
]
LIKELY = ("red", "blue", "green", "yellow", "white", "black", "orange", "purple", "pink", "brown", "gray")
TIMES = {"night": (21, 23), "sunset": (18, 20), "room": (9, 21)}


def _pieces(line: str) -> tuple[str, list[str], list[str | None]]:
    background, things = (part.strip() for part in line.split("|"))
    pairs = [thing.split() for thing in things.split(";")]
    return background, [normal(p[0]) for p in pairs], [p[1] if len(p) > 1 else None for p in pairs]


def library(seed: int = 2026) -> list[Scene]:
    """The scenes in a fixed order; the same seed gives the same library."""
    rng = random.Random(seed)
    scenes = [place(glyphs, tints, kind, rng) for kind, glyphs, tints in map(_pieces, FIXED.strip().splitlines())]
    for kind, (_collection, _months, block) in THEMES.items():
        pool = block.split()
        rng.shuffle(pool)
        for i in range(COUNT.get(kind, 12)):
            wanted = rng.choices((1, 2, 3), (0.5, 0.4, 0.1))[0]
            glyphs = [pool[i % len(pool)], *rng.sample([g for g in pool if g != pool[i % len(pool)]], wanted - 1)]
            tints = [rng.choice(LIKELY) if g in PAINTED and rng.random() < 0.65 else None for g in glyphs]
            scenes.append(place(glyphs, tints, kind, rng))
    for scene in scenes:  # upright looks better than a training scene
        for thing in scene["objects"]:
            thing["rotation"] = round(thing["rotation"] * 0.6, 2)
    return scenes


def describe(scene: Scene, rng: random.Random) -> dict[str, Any]:
    """Title, tags, date and collection of a sample."""
    names, tags = [], [scene["background"]]
    for thing in scene["objects"]:
        glyph = thing["glyph"]
        name = annotations("en")[glyph][0]
        names.append(f"{thing['tint']} {name}" if thing["tint"] and thing["tint"] != dominant_colour(glyph) else name)
        tags.append(next(c for c, block in CATEGORIES.items() if glyph in block.split()))
        if colour_of(thing):
            tags.append(str(colour_of(thing)))
    collection, months, _pool = THEMES[scene["background"]]
    low, high = TIMES.get(scene["background"], (8, 17))
    month, year = rng.choice(months), rng.choice((2023, 2024, 2025))
    taken = dt.datetime(year, month, rng.randint(1, 28), rng.randint(low, high), rng.randrange(60), tzinfo=dt.UTC)
    return {
        "title": f"{' and '.join(names).capitalize()}, {scene['background']}",
        "tags": list(dict.fromkeys(tags)),
        "taken_at": taken.isoformat(),
        "collection": collection,
        "background": scene["background"],
    }


def write(folder: Path = SAMPLES, size: int = 512, quality: int = 78) -> int:
    """Render all samples; returns the bytes written."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    rng = random.Random(7)
    rows = []
    for number, scene in enumerate(library(), 1):
        file = f"scene-{number:03}.webp"
        render(scene, size).save(folder / file, quality=quality, method=6)
        rows.append({"file": file, **describe(scene, rng), "scene": scene})
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "samples.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return sum(path.stat().st_size for path in folder.iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=SAMPLES)
    args = parser.parse_args()
    print(f"{len(library())} scenes, {write(args.out) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
