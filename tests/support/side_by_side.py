"""Tests in several processes at once (``pytest -n auto``, as ``make test``): which go together, and what begins first.

Each process has a database of its own in the one server of ``tests/settings.py``.
"""

import os
from collections.abc import Sequence

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

# Each process may hold models and run servers of its own; more than two cores are worth, because some tests wait.
FEWEST, MOST = 3, 8

# One process for all of it: a library on an S3 server takes long to start, and it is hurt by one test at a time.
TOGETHER = ("tests/faults/",)
# Every one of its tests starts a library of its own.
APART = ("tests/recipes/test_recipes.py",)
# What takes minutes begins first, so that the rest fills the time beside it: installing clients, type checking ...
FIRST = ("tests/protocols/test_public_clients.py", "tests/test_house.py", *TOGETHER, *APART, "tests/dam/test_up.py")


def unit(nodeid: str) -> str:
    """What the test belongs to, all of which one process runs: by default its file."""
    for folder in TOGETHER:
        if nodeid.startswith(folder):
            return folder
    return nodeid if nodeid.startswith(APART) else nodeid.partition("::")[0]


class Units(LoadScopeScheduling):
    """Hands out units in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Units:
    config.option.loadscopereorder = False
    return Units(config, log)


def pytest_xdist_auto_num_workers() -> int:
    return min(MOST, max(FEWEST, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else FEWEST))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long units first; within a unit the order stays."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(item.nodeid, FIRST))


def rank(nodeid: str, prefixes: Sequence[str]) -> int:
    return next((number for number, prefix in enumerate(prefixes) if nodeid.startswith(prefix)), len(prefixes))
