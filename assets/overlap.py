"""Batches of work of which one is begun (claimed, its files being decoded) while the one before is finished."""

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any

# A generator of one value: it claims rows and begins their work, yields the rows, and then finishes the work.
Batch = Generator[list[Any], None, None]

# How many seconds one task goes on, while other tasks wait for their turn: uploads while a library is embedded anew.
TURN = 30


def overlapped(start: Callable[[], Batch], seconds: float = TURN) -> bool:
    """Work through batches until one has no rows, or the time is up; return whether there may be more.

    Rows of a first attempt have the next batch begun beside them. Others may have ended their worker before: they
    take along as few as possible, and so stay by themselves.
    """
    ends = time.monotonic() + seconds
    with ExitStack() as closed:

        def begin() -> tuple[Batch, list[Any]]:
            batch = start()
            closed.callback(batch.close)  # after an error nobody works on what was begun, and nobody may hold its rows
            return batch, next(batch)

        batch, rows = begin()
        while rows and time.monotonic() < ends:
            together = all(row.attempts == 1 for row in rows)
            if not together:
                _finish(batch)
            following, rows = begin()
            if together:
                _finish(batch)
            batch = following
        _finish(batch)
    return bool(rows)


def at_once(batch: Batch) -> int:
    """Work through one batch; return how many rows it claimed."""
    return sum(len(rows) for rows in batch)


def _finish(batch: Batch) -> None:
    for _more in batch:
        raise AssertionError("a batch yields once")
