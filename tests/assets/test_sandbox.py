"""Decoders at work: as many children as there may be, and files fetched and stored beside them."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from assets.imaging.sandbox import Decoded, Sandbox


@pytest.fixture
def path(picture, tmp_path) -> Path:
    (tmp_path / "picture.png").write_bytes(picture())
    return tmp_path / "picture.png"


def decoding(sandbox: Sandbox, path: Path) -> Callable[[], Decoded]:
    return partial(sandbox.decode, path, presets={}, side=32, max_pixels=10**6)


def test_there_are_never_more_children_than_there_may_be(sandbox, path):
    begun = [sandbox.submit(decoding(sandbox, path)) for _number in range(12)]
    assert {future.result().picture.size for future in begun} == {(44, 33)}
    assert sandbox._idle.qsize() <= sandbox.limits.processes


def test_files_that_wait_for_a_storage_keep_no_decoder_from_others(sandbox, path):
    answered = threading.Event()
    waiting = [sandbox.submit(answered.wait, 60) for _ in range(2)]
    decoded = sandbox.submit(decoding(sandbox, path))
    assert decoded.result(timeout=30).width == 64
    answered.set()
    assert all(future.result() for future in waiting)
