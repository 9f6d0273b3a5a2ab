"""Decoders for tests that decode by themselves."""

from collections.abc import Iterator

import pytest

from assets.imaging.sandbox import Limits, Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Two children at most, each started when it is needed."""
    sandbox = Sandbox(Limits(processes=2))
    yield sandbox
    sandbox.close()
