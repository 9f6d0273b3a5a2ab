"""How much may be asked: at once by this process, and in a day by one user and by all of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from assets.locks import only_one
from search.ask.errors import BudgetSpent, Busy
from search.models.ask import Ask, AskQuerySet


class _Places:
    """The questions that this process is answering."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place for the block; raise Busy when all are taken."""
        with self._lock:
            if self._taken >= settings.DAM_LLM_AT_ONCE:
                raise Busy
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1


places = _Places()


def reserve(user: Any, tokens: int, **fields: Any) -> Ask:
    """Write the row of a request that may cost so many ``tokens``; raise BudgetSpent where that is more than is left.

    One at a time in the whole library, on the database's clock: requests at once spend no more together. The day is
    that of UTC.
    """
    with only_one("the budget of the language model"):
        midnight, seconds = _day()
        today = Ask.objects.filter(asked_at__gte=midnight)
        _expect(today.filter(user=user), tokens, settings.DAM_LLM_USER_REQUESTS, settings.DAM_LLM_USER_TOKENS, seconds)
        _expect(today, tokens, settings.DAM_LLM_REQUESTS, settings.DAM_LLM_TOKENS, seconds, of_all=True)
        return Ask.objects.create(user=user, reserved=tokens, **fields)


def _expect(asked: AskQuerySet, tokens: int, requests: int, most: int, seconds: int, *, of_all: bool = False) -> None:
    spent = asked.spent()
    if requests and spent["requests"] >= requests:
        told = (
            _("The library's %d questions of a day are asked.")
            if of_all
            else _("Your %d questions of a day are asked.")
        )
        raise BudgetSpent(told % requests, seconds)
    if most and spent["tokens"] + tokens > most:
        told = (
            _("The library's %(most)d tokens of a day: %(spent)d are used, and this may take %(tokens)d.")
            if of_all
            else _("Your %(most)d tokens of a day: %(spent)d are used, and this may take %(tokens)d.")
        )
        raise BudgetSpent(told % {"spent": spent["tokens"], "most": most, "tokens": tokens}, seconds)


def _day() -> tuple[datetime, int]:
    """Return when today began in UTC, and in how many seconds it ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT day, ceil(extract(epoch FROM day + interval '24 hours' - now()))
            FROM (SELECT date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS day) AS today
            """
        )
        day, seconds = cursor.fetchone()
    return day, int(seconds)
