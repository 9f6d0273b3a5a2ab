"""Asking a service that may be slow, down, wrong or expensive: tries, pauses, a circuit breaker and a daily cap."""

import itertools
import logging
import random
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from django.conf import settings
from django.utils.translation import gettext as _

from search.encoders import ModelUnavailable
from search.models import count_request

logger = logging.getLogger(__name__)

T = TypeVar("T")

TRIES = 3
# Seconds before the second try, at most; twice as many before the third.
BACKOFF = 0.5
# How long all tries of one call may take, as a multiple of what one answer may (DAM_REMOTE_TIMEOUT).
PATIENCE = 2
# After so many failures one after another nobody asks for a while (in seconds); then one call tries again.
MOST_FAILURES = 5
REST = 30.0
# The longest that a service's Retry-After is obeyed, in seconds.
LONGEST_REST = 900.0


class Passing(ModelUnavailable):
    """A failure that another try may mend; ``retry_after`` is in how many seconds, where the service said so."""

    def __init__(self, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.retry_after = min(retry_after, LONGEST_REST)


class Calls:
    """The calls to one model elsewhere, of all threads of this process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._failures = 0
        self._resting_until = 0.0
        self._problem = ""

    def make(self, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns, tried again as long as it raises Passing; raise ModelUnavailable."""
        self._refuse_while_resting()
        deadline = time.monotonic() + PATIENCE * settings.DAM_REMOTE_TIMEOUT
        for number in itertools.count(1):
            if not count_request(self.name, settings.DAM_REMOTE_DAILY_CAP):
                raise ModelUnavailable(
                    _("%(model)s had its %(number)s requests of today; it is asked again tomorrow (UTC).")
                    % {"model": self.name, "number": f"{settings.DAM_REMOTE_DAILY_CAP:,}"}
                )
            try:
                answer = attempt()
            except Passing as failure:
                pause = max(failure.retry_after, random.uniform(0.5, 1) * BACKOFF * 2 ** (number - 1))
                last = number == TRIES or time.monotonic() + pause > deadline
                if self.failed(failure, rest=failure.retry_after if last else 0) or last:
                    raise
                logger.info("%s Tried again in %.1f s.", failure, pause)
                time.sleep(pause)
            except ModelUnavailable as failure:
                self.failed(failure)
                raise
            else:
                self._succeeded()
                return answer
        raise AssertionError("no answer and no failure")

    def failed(self, failure: ModelUnavailable, rest: float = 0) -> bool:
        """Record a failure; return whether nobody asks for now.

        ``rest`` is for how many seconds nobody need ask, where that is known.
        """
        with self._lock:
            self._failures += 1
            self._problem = str(failure)
            if self._failures >= MOST_FAILURES:
                rest = max(rest, REST * random.uniform(0.8, 1.2))
            self._resting_until = max(self._resting_until, time.monotonic() + rest)
            return rest > 0

    def _succeeded(self) -> None:
        with self._lock:
            self._failures, self._resting_until = 0, 0.0

    def _refuse_while_resting(self) -> None:
        with self._lock:
            left = self._resting_until - time.monotonic()
            if left > 0:
                raise ModelUnavailable(
                    _("%(problem)s It is asked again in %(seconds)d s.") % {"problem": self._problem, "seconds": left}
                )
            if self._failures >= MOST_FAILURES:  # this call tries; the others wait for how it ends
                self._resting_until = time.monotonic() + REST


@cache
def calls_to(name: str) -> Calls:
    """Return the one record of calls to this model: it outlives encoders that could not be made."""
    return Calls(name)
