"""Drafts of an alternative text and a caption for one picture. Nothing is written: a person saves what is good."""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext as _

from assets.models import Asset
from search.ask import budget
from search.ask.answer import Draft, draft
from search.ask.books import Entry
from search.ask.errors import AskFailed, BrokenOff
from search.ask.pictures import of
from search.ask.prompt import of_description
from search.ask.providers import Stop, model_of
from search.ask.setup import setup
from search.models.ask import Ask


class NoPicture(AskFailed):
    """The asset has no preview yet, or its bytes are none that can be shown."""

    status = 409
    code = "no_picture"
    charged = False


@dataclass(frozen=True)
class Drafts:
    """``alt`` is for the asset's description, which pages show as its alternative text; ``caption`` for its title.

    ``language_of`` says where the language was taken from: the asset's ``text``, or the ``user`` where it has none.
    """

    alt: str
    caption: str
    language: str
    language_of: str
    model: str
    tokens: dict[str, int | None]


def describe(asset: Asset, user: Any) -> Drafts:
    """Have an asset described, which the user may see; raise AskFailed."""
    configured = setup()
    model = model_of(configured)
    with budget.places.one():
        picture = of(asset)
        if picture is None:
            raise NoPicture(_("There is no picture of this asset yet."))
        has_text = bool(asset.title.strip() or asset.description.strip())
        code = get_language() or "en"
        prompt = of_description(picture, "" if has_text else get_language_info(code)["name"])
        fields = {"what": Ask.What.DESCRIPTION, "question": str(asset), "assets": [asset.pk]}
        with Entry(user, configured, prompt, **fields) as entry:
            with closing(entry.pieces(model)) as pieces:
                text = "".join(pieces)
            if entry.stop is not Stop.END:
                raise BrokenOff(_("The answer was cut off before it said anything: raise DAM_LLM_MAX_TOKENS."))
            found: Draft = draft(text)
            entry.answer.append({"alt": found.alt, "caption": found.caption, "language": found.language})
        return Drafts(
            alt=found.alt,
            caption=found.caption,
            language=found.language or ("" if has_text else code),
            language_of="text" if has_text else "user",
            model=configured.name,
            tokens=entry.tokens,
        )
