"""Batches of work of which one is begun (claimed, its files being decoded) while the one before is finished."""

from collections.abc import Callable, Iterator
from typing import Any

# A generator of one value: it claims rows and begins their work, yields the rows, and then finishes the work.
Batch = Iterator[list[Any]]


def overlapped(start: Callable[[], Batch]) -> None:
    """Work through batches until one has no rows.

    Rows of a first attempt have the next batch begun beside them. Others may have ended their worker before: they
    take along as few as possible, and so stay by themselves.
    """
    batch = start()
    rows = next(batch)
    while rows:
        together = all(row.attempts == 1 for row in rows)
        if not together:
            _finish(batch)
        following = start()
        rows = next(following)
        if together:
            _finish(batch)
        batch = following
    _finish(batch)


def at_once(batch: Batch) -> int:
    """Work through one batch; return how many rows it claimed."""
    return sum(len(rows) for rows in batch)


def _finish(batch: Batch) -> None:
    for _more in batch:
        raise AssertionError("a batch yields once")
