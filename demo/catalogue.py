"""A shop's catalogue: `python -m demo.catalogue OUT` writes 368 pictures of clothes, catalogue.jsonl and catalogue.csv.

Each product has what published catalogues have, in the shape of FEIDEGGER: a picture, several descriptions by different
people (English, German, Chinese) and a split. What a product is stands in ``Product``, so that it is known what a query
should find; the descriptions say it in other words now and then. The same products every time.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from demo.glyphs import FONT, bitmap
from demo.scenes import DARK_LIGHT, tinted

SIDE = 384  # px

# glyph | English names | German | Chinese | sleeves | season
WORN = """
👗 | dress, frock | Kleid | 连衣裙 | none | summer
🎽 | tank top, strappy top | Tanktop | 背心 | none | summer
🩱 | swimsuit, bathing suit | Badeanzug | 泳衣 | none | summer
👕 | T-shirt, tee | T-Shirt | T恤 | short | spring
👚 | blouse, polo shirt | Bluse | 女式衬衫 | short | spring
🧥 | coat, overcoat | Mantel | 大衣 | long | winter
🩳 | shorts, swimming trunks | Shorts | 短裤 | | summer
"""
CARRIED = """
👖 | jeans, trousers | Jeans | 牛仔裤 | | autumn
🧣 | scarf, woollen scarf | Schal | 围巾 | | winter
🧤 | gloves, knitted gloves | Handschuhe | 手套 | | winter
🧦 | socks, pair of socks | Socken | 袜子 | | winter
👠 | high heels, stilettos | Stöckelschuhe | 高跟鞋 | | spring
👟 | trainers, running shoes | Turnschuhe | 运动鞋 | | spring
🥾 | hiking boots, walking boots | Wanderstiefel | 登山靴 | | autumn
👒 | sun hat, wide-brimmed hat | Sonnenhut | 遮阳帽 | | summer
🧢 | cap, baseball cap | Kappe | 棒球帽 | | summer
👜 | handbag, leather bag | Handtasche | 手提包 | | spring
🎒 | backpack, rucksack | Rucksack | 背包 | | autumn
"""
COLOURS = {
    "red": (("red", "scarlet"), "Rot", "红色"),
    "yellow": (("yellow", "lemon yellow"), "Gelb", "黄色"),
    "green": (("green", "emerald green"), "Grün", "绿色"),
    "blue": (("blue", "navy blue"), "Blau", "蓝色"),
    "pink": (("pink", "rose pink"), "Rosa", "粉色"),
    "brown": (("brown", "chestnut brown"), "Braun", "棕色"),
    "black": (("black", "jet black"), "Schwarz", "黑色"),
    "white": (("white", "snow white"), "Weiß", "白色"),
}
PATTERNS = {
    "plain": ("plain", "einfarbig", "纯色"),
    "striped": ("striped", "gestreift", "条纹"),
    "dotted": ("dotted", "gepunktet", "圆点"),
    "checked": ("checked", "kariert", "格子"),
    "floral": ("floral", "geblümt", "碎花"),
}
SLEEVES = {
    "none": (("sleeveless", "without sleeves"), "ärmellos", "无袖"),
    "short": (("with short sleeves", "half-sleeved"), "kurzärmlig", "短袖"),
    "long": (("with long sleeves", "long-sleeved"), "langärmlig", "长袖"),
}
SEASONS = {
    "spring": (("for spring", "for mild days"), "für den Frühling", "春季"),
    "summer": (("for summer", "for hot days"), "für den Sommer", "夏季"),
    "autumn": (("for autumn", "for cool and windy days"), "für den Herbst", "秋季"),
    "winter": (("for winter", "for frosty days"), "für den Winter", "冬季"),
}


@dataclass(frozen=True)
class Product:
    """What is true of a product; ``colour``, ``pattern``, ``sleeves`` and ``season`` are keys of the tables above."""

    id: str
    glyph: str
    names: tuple[str, ...]
    german: str
    chinese: str
    sleeves: str
    season: str
    colour: str
    pattern: str

    @property
    def title(self) -> str:
        return f"{PATTERNS[self.pattern][0].capitalize()} {self.names[0]} in {self.colour}"


def products() -> list[Product]:
    """Every product, in a fixed order."""
    made: list[Product] = []
    for table, patterns in ((WORN, tuple(PATTERNS)), (CARRIED, ("plain",))):
        for line in table.strip().splitlines():
            glyph, names, german, chinese, sleeves, season = (part.strip() for part in line.split("|"))
            for colour in COLOURS:
                for pattern in patterns:
                    called = tuple(name.strip() for name in names.split(","))
                    number = f"P-{len(made) + 1:04}"
                    made.append(Product(number, glyph, called, german, chinese, sleeves, season, colour, pattern))
    return made


def descriptions(product: Product) -> list[str]:
    """What four people wrote of a product: two in English, one in German, one in Chinese."""
    rng = random.Random(f"words of {product.id}")
    colour, pattern = COLOURS[product.colour], PATTERNS[product.pattern]
    season = SEASONS[product.season]
    sleeves = SLEEVES.get(product.sleeves, (("",), "", ""))
    what = f"{pattern[0].capitalize()} {rng.choice(colour[0])} {rng.choice(product.names)}"
    said = [", ".join(part for part in (what, rng.choice(sleeves[0]), rng.choice(season[0])) if part) + "."]
    cut = {"none": "Sleeveless ", "short": "Short-sleeved ", "long": "Long-sleeved "}.get(product.sleeves, "")
    said.append(f"{cut}{product.season} {rng.choice(product.names)} in {rng.choice(colour[0])}, {pattern[0]}.")
    said[1] = said[1][0].upper() + said[1][1:]
    german = [f"{product.german} in {colour[1]}", pattern[1], sleeves[1], season[1]]
    said.append(", ".join(part for part in german if part) + ".")
    said.append(f"{colour[2]}{pattern[2]}{sleeves[2]}{product.chinese},适合{season[2]}。")
    return said


def picture(product: Product) -> Image.Image:
    """The product before a studio's wall, RGB, ``SIDE`` px wide and high."""
    rng = random.Random(f"picture of {product.id}")
    shade = rng.randint(226, 246)
    wall = Image.new("RGB", (SIDE, SIDE), (shade, shade - rng.randint(0, 8), shade - rng.randint(0, 12)))
    thing = _patterned(tinted(bitmap(product.glyph), product.colour), product)
    scale = rng.uniform(0.66, 0.78) * SIDE / max(thing.size)
    thing = thing.resize((round(thing.width * scale), round(thing.height * scale)), Image.Resampling.BICUBIC)
    thing = thing.rotate(rng.uniform(-4, 4), Image.Resampling.BICUBIC, expand=True)
    wall.paste(thing, ((SIDE - thing.width) // 2, (SIDE - thing.height) // 2), thing)
    return wall


def _patterned(thing: Image.Image, product: Product) -> Image.Image:
    """Lay the product's pattern over it, where it is opaque, in the light of its own colour (in grey on white)."""
    if product.pattern == "plain":
        return thing
    mask = Image.new("L", thing.size, 0)
    draw = ImageDraw.Draw(mask)
    step, strong = 18, 200
    for at in range(0, max(thing.size), step):
        if product.pattern in ("striped", "checked"):
            draw.rectangle((0, at, thing.width, at + 6), fill=strong)
        if product.pattern == "checked":
            draw.rectangle((at, 0, at + 6, thing.height), fill=strong)
        if product.pattern == "dotted":
            for across in range(9 * (at // step % 2), thing.width, step):
                draw.ellipse((across, at, across + 8, at + 8), fill=strong)
        if product.pattern == "floral":
            for across in range(12 * (at // step % 2), thing.width, 24):
                for left, top in ((-4, 0), (4, 0), (0, -4), (0, 4)):
                    draw.ellipse((across + left, at + top, across + left + 5, at + top + 5), fill=strong)
    _dark, _middle, light = DARK_LIGHT[product.colour]
    ink = (120, 124, 130) if product.colour == "white" else light
    printed = Image.composite(Image.new("RGB", thing.size, ink), thing.convert("RGB"), mask)
    printed.putalpha(thing.getchannel("A"))
    return printed


def row(product: Product, number: int, base: str = "") -> dict[str, Any]:
    """The product as a row of the catalogue, ``number`` counted from 0; with ``base`` its picture has an address."""
    file = f"pictures/{product.id}.jpg"
    where = {"url": f"{base.rstrip('/')}/{file}"} if base else {"file": file}
    told = {"title": product.title, "descriptions": descriptions(product), "tags": [product.names[0]]}
    return {"id": product.id, **where, **told, "split": str(number * 7 % 5)}


def rows(base: str = "") -> Iterator[dict[str, Any]]:
    for number, product in enumerate(products()):
        yield row(product, number, base)


def write(folder: Path, base: str = "", limit: int | None = None) -> int:
    """Write pictures and both catalogues into ``folder``, and return how many products these are."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    made = products()[:limit]
    for product in made:
        picture(product).save(folder / "pictures" / f"{product.id}.jpg", quality=88)
    listed = list(rows(base))[:limit]
    lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in listed]
    (folder / "catalogue.jsonl").write_text("".join(lines), encoding="utf-8")
    with (folder / "catalogue.csv").open("w", encoding="utf-8", newline="") as stream:
        sheet = csv.DictWriter(stream, list(listed[0]))
        sheet.writeheader()
        for line in listed:
            as_text = {name: json.dumps(line[name], ensure_ascii=False) for name in ("descriptions", "tags")}
            sheet.writerow(line | as_text)
    return len(made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--url", default="", help="where the pictures will be served: rows with url instead of file")
    args = parser.parse_args()
    if not FONT.exists():
        sys.exit(
            f"{FONT} is not there: the pictures are drawn with Noto Color Emoji (Debian: fonts-noto-color-emoji);"
            " DEMO_EMOJI_FONT names it where it lies elsewhere."
        )
    print(f"{write(args.out, args.url)} products in {args.out}")


if __name__ == "__main__":
    main()
