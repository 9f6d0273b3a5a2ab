"""Claims → sentences, in English and Chinese: many templates, free word order, fillers, dropped and inserted words."""

from __future__ import annotations

import random

from demo.glyphs import COLOURS
from demo.predicates import ABSENT, ANY
from demo.words import COLOUR_WORDS, Place, Words, places

Spec = tuple[int, int]  # concept row or ANY, colour index or ANY

OPENERS = (
    "a photo of", "a picture of", "an image of", "photo of", "picture of", "there is", "here is", "this is", "i see", "my", "our", "look at", "find", "show me",
    "a close-up of", "a shot of", "image with", "a scene with", "pictures of", "photos of", "something like", "looking for", "i want", "a snapshot of",
)
VERBS = (
    "parked", "standing", "sitting", "lying", "driving", "driving through", "moving", "waiting", "left", "stuck", "resting", "placed", "running", "walking",
    "flying", "floating", "swimming", "playing", "alone", "lost", "seen", "travelling", "going", "sleeping", "out", "somewhere", "growing", "hanging", "jumping",
    "is", "is standing", "is parked", "is lying", "that is", "which is", "sailing", "stands", "sits", "lies", "flies", "hidden", "looking around", "on its way",
)
ADJECTIVES = (
    "big", "small", "little", "large", "beautiful", "cute", "old", "new", "nice", "lovely", "lonely", "tiny", "single", "huge", "pretty", "funny", "shiny",
    "wild", "young", "fast", "giant", "happy", "two", "three", "some", "fresh", "colorful", "bright", "modern", "one", "another", "tasty", "delicious", "sweet",
)
JOINERS = ("and", "with", "next to", "beside", "near", "by", "together with", "and also", "in front of", "behind", "close to", "alongside", "plus", "under", "over", ",")
THINGS = ("thing", "object", "one", "something", "item", "stuff", "objects", "things")
FILLERS = ("very", "really", "the", "just", "all", "today", "please", "here", "quietly", "slowly", "again", "big", "his", "her", "their", "your", "of", "to", "for", "from", "me",
           "this", "that", "some", "while", "where", "with", "on", "day", "time", "good", "around", "was", "are", "who", "holding", "full", "view", "kind", "still", "early")

ZH_OPENERS = ("一张", "一幅", "这是", "这里有", "有", "我看到", "看", "我的", "找", "拍的", "有一个", "画面里有", "图中有", "我想要", "给我看", "寻找", "照片里有", "一张图片,", "那")
ZH_CLOSERS = ("的照片", "的图片", "的画面", "的图", "照片", "图片", "的样子", "的景色", "的场景")
ZH_COUNTS = ("一个", "一只", "一辆", "一条", "一台", "一朵", "一艘", "一架", "一把", "一头", "一匹", "一棵", "一件", "一座", "一位", "两只", "那辆", "这只", "几个", "一些", "一杯", "一块",
             "一双", "一本", "一碗", "一顶", "一瓶", "一列", "一群", "一名", "一颗", "一束", "一盏", "一支", "一部", "一栋", "一片", "一串", "一枚", "一张", "一间", "三个", "一盘", "一份")
ZH_VERBS = ("停着", "站着", "坐着", "行驶", "行驶的", "飞", "飞翔的", "在跑", "奔跑的", "漂着", "游泳的", "放着", "躺着", "停在那里的", "走", "等待的", "孤独的", "玩耍", "飞过", "开过", "驶过",
            "盛开的", "飘着的", "生长的", "停着的", "摆着", "睡觉的", "游", "跳跃的", "开着的", "站着的", "玩", "待着", "出现的", "穿过", "漂浮的")
ZH_ADJECTIVES = ("大", "小", "可爱的", "漂亮的", "美丽的", "老", "新", "旧", "巨大的", "孤单的", "快乐的", "好看的", "大大的", "小小的", "一点", "新鲜的", "美味的", "年轻的", "高大的", "闪亮的")
ZH_JOINERS = ("和", "与", "旁边的", "还有", "跟", "及", "以及", "、", ",", "旁边有", "边上的", "加", "前的", "后面的", "旁的", "附近的", "下的", "上的")
ZH_THINGS = ("东西", "物体", "物品", "物件", "的东西", "的")


def plural(phrase: str, rng: random.Random) -> str:
    """A plain English plural of the last word."""
    if phrase.endswith(("s", "x", "ch", "sh")):
        return phrase if phrase.endswith("s") else phrase + "es"
    if phrase.endswith("y") and phrase[-2:-1] not in "aeiou":
        return phrase[:-1] + "ies"
    if phrase.endswith("man") and len(phrase) > 5:
        return phrase[:-3] + "men"
    return phrase + "s"


class Writer:
    """Puts claims into words. `claim(specs, place row)` → sentence."""

    def __init__(self, language: str, vocabulary: Words) -> None:
        self.language, self.words = language, vocabulary

    def write(self, specs: list[Spec], place: int, rng: random.Random) -> str:
        where = places()[place] if place >= 0 else None
        text = self._english(specs, where, rng) if self.language == "en" else self._chinese(specs, where, rng)
        if rng.random() < 0.15:
            text = text.capitalize() if rng.random() < 0.7 else text.upper() if rng.random() < 0.2 else text.title()
        return text

    def _noun(self, concept: int, rng: random.Random) -> str:
        return rng.choice(self.words.phrases[concept])

    def _thing(self, spec: Spec, rng: random.Random) -> str:
        concept, colour = spec
        noun = rng.choice(THINGS) if concept == ANY else self._noun(concept, rng)
        many = concept != ANY and rng.random() < 0.2
        if many:
            noun = plural(noun, rng)
        adjective = rng.choice(ADJECTIVES) + " " if rng.random() < 0.12 else ""
        if colour == ANY:
            text = adjective + noun
        else:
            shade = rng.choice(COLOUR_WORDS["en"][COLOURS[colour]])
            dice = rng.random()
            if dice < 0.84:
                text = f"{adjective}{shade} {noun}" if rng.random() < 0.7 else f"{shade} {adjective}{noun}"
            elif dice < 0.9:
                text = f"{noun} in {shade}"
            elif dice < 0.95:
                text = f"{noun} that is {shade}"
            else:
                text = f"{shade}-{noun}" if rng.random() < 0.3 else f"{noun}, {shade}"
        dice = rng.random()
        if many or dice < 0.35:
            return text
        return ("the " if dice < 0.5 else "an " if text[0] in "aeiou" else "a ") + text

    def _english(self, specs: list[Spec], where: Place | None, rng: random.Random) -> str:
        parts = [self._thing(s, rng) for s in specs]
        if len(parts) == 2:
            body = f"{parts[0]} {rng.choice(JOINERS) if rng.random() < 0.6 else 'and'} {parts[1]}"
        else:
            body = parts[0] if parts else ""
        if body and rng.random() < 0.25:
            body += " " + rng.choice(VERBS)
        if where is not None:
            dice = rng.random()
            if where.before and dice < 0.16:
                before = rng.choice(where.before)
                body = f"{before} {body}" if body and rng.random() < 0.6 else f"{body} {before}" if body else rng.choice((before, before + " scene", before + " landscape"))
            else:
                after = rng.choice(where.after)
                if rng.random() < 0.12:  # without the preposition
                    after = " ".join(after.split()[1:]) or after
                body = after if not body else f"{body} {after}" if dice < 0.82 else f"{body}, {after}" if dice < 0.86 else f"{after}, {body}" if rng.random() < 0.5 else f"{after} {body}"
        if rng.random() < 0.22:
            body = f"{rng.choice(OPENERS)} {body}"
        return self._noise(body.split(), rng)

    def _noise(self, tokens: list[str], rng: random.Random) -> str:
        if len(tokens) > 3 and rng.random() < 0.25:
            tokens.insert(rng.randrange(len(tokens) + 1), rng.choice(FILLERS))
        if rng.random() < 0.15:  # headline style
            tokens = [t for t in tokens if t not in {"a", "an", "the", "is"}] or tokens
        return " ".join(tokens)

    def _chinese_thing(self, spec: Spec, rng: random.Random) -> str:
        concept, colour = spec
        noun = rng.choice(ZH_THINGS) if concept == ANY else self._noun(concept, rng)
        count = rng.choice(ZH_COUNTS) if rng.random() < 0.35 else ""
        adjective = rng.choice(ZH_ADJECTIVES) if rng.random() < 0.12 else ""
        if colour == ANY:
            return count + adjective + noun
        shade = rng.choice(COLOUR_WORDS["zh"][COLOURS[colour]])
        link = "的" if rng.random() < 0.6 and not noun.startswith("的") else ""
        if rng.random() < 0.06:
            return count + noun + "是" + shade + "的"
        return count + (adjective + shade + link if rng.random() < 0.5 else shade + link + adjective) + noun

    def _chinese(self, specs: list[Spec], where: Place | None, rng: random.Random) -> str:
        parts = [self._chinese_thing(s, rng) for s in specs]
        body = parts[0] if parts else ""
        if len(parts) == 2:
            body += (rng.choice(ZH_JOINERS) if rng.random() < 0.6 else "和") + parts[1]
        if where is not None:
            place = rng.choice(where.chinese)
            if rng.random() < 0.2 and len(place) > 2 and place[-1] in "里上中下":
                place = place[:-1]
            verb = rng.choice(ZH_VERBS) if rng.random() < 0.25 else ""
            dice = rng.random()
            if not body:
                body = place
            elif dice < 0.45:
                body = f"{place}的{verb}{body}" if not verb or verb.endswith("的") else f"{place}{verb}{body}"
            elif dice < 0.6:
                body = f"{place}{verb}{body}"
            elif dice < 0.68:
                body = f"{place},{body}"
            elif dice < 0.75:
                body = f"{place}有{body}"
            elif dice < 0.9:
                body = f"{body}在{place.removeprefix('在')}{verb}"
            else:
                body = f"在{place.removeprefix('在')}{verb}{'的' if rng.random() < 0.5 else ''}{body}"
        elif body and rng.random() < 0.15:
            body = rng.choice(ZH_VERBS) + body if rng.random() < 0.5 else body + rng.choice(ZH_VERBS)
        if rng.random() < 0.2:
            body = rng.choice(ZH_OPENERS) + body
        if rng.random() < 0.12:
            body += rng.choice(ZH_CLOSERS)
        return body


def specs_of(concept: list[int], colour: list[int]) -> list[Spec]:
    """One row of a `Claims` table as a list of specs."""
    return [(c, k) for c, k in zip(concept, colour, strict=True) if c != ABSENT]
