"""The port that both protocols are behind: ``stream`` of the model that is set up."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from search.ask.prompt import Prompt
from search.ask.setup import Setup


@dataclass(frozen=True)
class Usage:
    """The tokens of this request so far, as the service counts them; None where it has not said."""

    tokens_in: int | None = None
    tokens_out: int | None = None


class Stop(Enum):
    """Why an answer ended; one that ends without any of these broke off."""

    END = "end"
    LENGTH = "length"
    DECLINED = "declined"


class Model(Protocol):
    def stream(self, prompt: Prompt) -> Generator[str | Usage | Stop, None, None]:
        """Ask, and yield the answer's text in pieces, and among them what it costs and why it ended.

        Nothing is sent before the first piece is asked for. Raises ``AskFailed``. Closing it ends the request.
        """


def model_of(setup: Setup) -> Model:
    """Return the model that this setup names."""
    if setup.provider == "anthropic":
        from search.ask.providers.anthropic import Anthropic

        return Anthropic(setup)
    from search.ask.providers.openai import OpenAI

    return OpenAI(setup)
