"""One request, entered in the books before it is made and closed however it ends."""

from collections.abc import Generator
from contextlib import closing
from typing import Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from search.ask import budget
from search.ask.answer import unreadable
from search.ask.errors import AskFailed, Declined, Unreadable
from search.ask.prompt import Prompt
from search.ask.providers import Model, Stop, Usage
from search.ask.providers.calls import broken_off
from search.ask.setup import Setup
from search.models.ask import Ask

MOST_CHARACTERS = 40_000  # of a whole answer


class Entry:
    """The row of one request: a context that writes down how it ended."""

    def __init__(self, user: Any, setup: Setup, prompt: Prompt, **fields: Any) -> None:
        self._setup, self._prompt = setup, prompt
        self._usage = Usage()
        self._sent = False
        self.stop: Stop | None = None
        self.answer: list[Any] = []
        self.row = budget.reserve(user, prompt.tokens(), model=setup.name, **fields)

    @property
    def tokens(self) -> dict[str, int | None]:
        return {"in": self._usage.tokens_in, "out": self._usage.tokens_out}

    def pieces(self, model: Model) -> Generator[str, None, None]:
        """Ask, and yield the text; raise AskFailed, also for an answer that breaks off or is declined."""
        self._sent = True
        characters = 0
        with closing(model.stream(self._prompt)) as stream:
            for piece in stream:
                match piece:
                    case Usage():
                        self._count(piece)
                    case Stop():
                        self.stop = piece
                    case str():
                        characters += len(piece)
                        if characters > MOST_CHARACTERS:
                            raise Unreadable(_("The answer is longer than was asked for."))
                        yield piece
                    case _:
                        raise unreadable()
        if self.stop is None:
            raise broken_off(self._setup)
        if self.stop is Stop.DECLINED:
            raise Declined(_("%s declined to answer this.") % self._setup.name)

    def __enter__(self) -> "Entry":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None:
            self._close(Ask.Outcome.ANSWERED if self._sent else Ask.Outcome.NOTHING)
        elif isinstance(error, GeneratorExit):  # whoever asked has gone
            self._close(Ask.Outcome.ABANDONED)
        elif isinstance(error, AskFailed):
            self._close(error.outcome, str(error), charged=error.charged)
        else:
            self._close(Ask.Outcome.FAILED, type(error).__name__)

    def _count(self, usage: Usage) -> None:
        tokens_in, tokens_out = _whole(usage.tokens_in), _whole(usage.tokens_out)
        self._usage = Usage(
            self._usage.tokens_in if tokens_in is None else tokens_in,
            self._usage.tokens_out if tokens_out is None else tokens_out,
        )

    def _close(self, outcome: str, problem: str = "", *, charged: bool = True) -> None:
        # What a service has counted is final only once its answer has ended; until then the reservation stands.
        used = self._usage if self.stop else Usage()
        if not self._sent or not (charged or self._usage.tokens_in):
            used = Usage(0, 0)
        Ask.objects.filter(pk=self.row.pk).update(
            outcome=outcome,
            problem=problem,
            tokens_in=used.tokens_in,
            tokens_out=used.tokens_out,
            answer=self.answer,
            ended_at=Now(),
        )


def _whole(number: Any) -> int | None:
    """Return a count of tokens as the column takes it; None for what is no count."""
    return number if type(number) is int and 0 <= number < 2**31 else None
