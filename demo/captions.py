"""Claims → sentences, in English and Chinese: many templates, free word order, fillers, dropped and inserted
words.
"""

from __future__ import annotations

import random

from demo.glyphs import COLOURS
from demo.predicates import ABSENT, ANY
from demo.small_words import (
    ADJECTIVES,
    FILLERS,
    JOINERS,
    OPENERS,
    THINGS,
    VERBS,
    ZH_ADJECTIVES,
    ZH_CLOSERS,
    ZH_COUNTS,
    ZH_JOINERS,
    ZH_OPENERS,
    ZH_THINGS,
    ZH_VERBS,
)
from demo.words import COLOUR_WORDS, Place, Words, places

Spec = tuple[int, int]  # concept row or ANY, colour index or ANY


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
                body = (
                    f"{before} {body}"
                    if body and rng.random() < 0.6
                    else f"{body} {before}"
                    if body
                    else rng.choice((before, before + " scene", before + " landscape"))
                )
            else:
                after = rng.choice(where.after)
                if rng.random() < 0.12:  # without the preposition
                    after = " ".join(after.split()[1:]) or after
                body = (
                    after
                    if not body
                    else f"{body} {after}"
                    if dice < 0.82
                    else f"{body}, {after}"
                    if dice < 0.86
                    else f"{after}, {body}"
                    if rng.random() < 0.5
                    else f"{after} {body}"
                )
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
