"""Fault runs: short ones in ``make test``; ``make faults`` (FAULTS=long) kills more, waits longer and prints times."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.library import Library

LONG = os.environ.get("FAULTS") == "long"


HURRIED = {
    "DAM_LEASE_SECONDS": "4",
    "DAM_SWEEP_SECONDS": "2",
    "DAM_DECODER_CPU_SECONDS": "1",
    "DAM_DECODER_WALL_SECONDS": "3",
}


@pytest.fixture(scope="session")
def broker_in_the_test_database() -> None:
    """These tests run on a library of their own, not on the test database."""


@pytest.fixture
def files() -> None:
    """The same."""


@pytest.fixture(scope="session")
def library() -> Iterator[Library]:
    """A library on the file system. The short runs do not wait long for a dead worker's leases."""
    with own_directory() as directory, Library(directory, **({} if LONG else HURRIED)).up() as library:
        yield library


@contextmanager
def own_directory() -> Iterator[Path]:
    """A directory outside pytest's: root's database runs as another user, and pytest closes its own to all others."""
    directory = Path(tempfile.mkdtemp(prefix="dam-faults-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def print_table(title: str, rows: list[tuple[str, Any]]) -> None:
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<52} {value}")


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many per cent are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("nan")
