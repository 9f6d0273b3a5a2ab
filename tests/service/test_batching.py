"""The queue of one model, with forward passes that begin and end when the test says so."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from search.service.batching import BATCH, PART, Batcher, Full, Lane, Part
from tests.support import coroutines


class Gate:
    """What a model encodes, pass by pass; each pass waits until it is let through."""

    def __init__(self) -> None:
        self.passes: list[list[Any]] = []
        self.may_end = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)

    def __call__(self, parts: list[Part]) -> np.ndarray:
        items = [item for part in parts for item in part.items]
        self.passes.append(items)
        self.begun.release()
        assert self.may_end.acquire(timeout=20)
        if "poison" in items:
            raise MemoryError("poison")
        return np.array([[float(len(str(item)))] for item in items])

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=20)

    def let(self, passes: int) -> None:
        self.may_end.release(passes)


def run(test: Callable[[Batcher, Lane, Lane, Gate], Awaitable[None]]) -> None:
    async def main() -> None:
        gate = Gate()
        texts, pictures = Lane(gate, room=100), Lane(gate, room=100)
        batcher = Batcher([texts, pictures])
        try:
            await test(batcher, texts, pictures, gate)
        finally:
            gate.let(1000)
            batcher.close()

    coroutines.run(main())


def submit(batcher: Batcher, lane: Lane, items: list[str]) -> asyncio.Task:
    return asyncio.ensure_future(batcher.submit(lane, items))


async def turn() -> None:
    """Let tasks that were just made run until they wait."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_lone_request_goes_at_once_and_those_that_come_meanwhile_go_together():
    async def test(batcher, texts, pictures, gate):
        first = submit(batcher, texts, ["a"])
        await gate.has_begun()
        others = [submit(batcher, texts, ["b" * size]) for size in range(1, 8)]
        await turn()
        gate.let(2)
        assert (await first).tolist() == [[1.0]]
        assert [(await other).tolist() for other in others] == [[[float(size)]] for size in range(1, 8)]
        assert [len(items) for items in gate.passes] == [1, 7]
        assert (texts.encoded, texts.passes, texts.waiting) == (8, 2, 0)

    run(test)


def test_a_text_goes_before_the_pictures_that_wait_and_between_those_of_one_request():
    async def test(batcher, texts, pictures, gate):
        ingest = submit(batcher, pictures, [f"picture {number}" for number in range(BATCH + PART)])
        await gate.has_begun()
        search = submit(batcher, texts, ["a search"])
        await turn()
        gate.let(1)
        await gate.has_begun()
        assert gate.passes[1] == ["a search"]
        gate.let(100)
        assert await search is not None
        assert len(await ingest) == BATCH + PART

    run(test)


def test_no_pass_has_more_than_a_batch():
    async def test(batcher, texts, pictures, gate):
        texts.pace = 1e-6
        gate.let(100)
        await submit(batcher, texts, [str(number) for number in range(100)])
        assert sum(map(len, gate.passes)) == 100
        assert max(map(len, gate.passes)) == BATCH

    run(test)


def test_slow_pictures_go_in_small_passes_so_that_a_search_waits_for_few():
    async def test(batcher, texts, pictures, gate):
        pictures.pace = 0.1  # seconds each: a full batch would take three
        gate.let(1)
        ingest = submit(batcher, pictures, ["picture"] * 4 * PART)
        await gate.has_begun()
        assert len(gate.passes[0]) == PART
        gate.let(100)
        await ingest

    run(test)


def test_who_finds_no_room_is_told_when_to_come_again():
    async def test(batcher, texts, pictures, gate):
        first = submit(batcher, texts, ["a"])
        await gate.has_begun()
        second = submit(batcher, texts, ["b"] * 100)
        await turn()
        texts.pace = 0.05
        with pytest.raises(Full) as refusal:
            await batcher.submit(texts, ["c"])
        assert refusal.value.retry_after == 5
        assert texts.waiting == 100
        gate.let(100)
        await asyncio.gather(first, second)
        assert (await batcher.submit(texts, ["c"])).shape == (1, 1)

    run(test)


def test_who_goes_away_leaves_the_queue():
    async def test(batcher, texts, pictures, gate):
        first = submit(batcher, texts, ["a"])
        await gate.has_begun()
        gone, patient = submit(batcher, texts, ["gone"] * 20), submit(batcher, texts, ["here"])
        await turn()
        gone.cancel()
        await turn()
        assert texts.waiting == 1
        gate.let(2)
        await asyncio.gather(first, patient)
        assert gate.passes == [["a"], ["here"]]

    run(test)


def test_what_one_request_breaks_breaks_no_other():
    async def test(batcher, texts, pictures, gate):
        first = submit(batcher, texts, ["a"])
        await gate.has_begun()
        bad, good = submit(batcher, texts, ["poison"]), submit(batcher, texts, ["good"])
        await turn()
        gate.let(10)
        await first
        with pytest.raises(MemoryError):
            await bad
        assert (await good).tolist() == [[4.0]]

    run(test)


def test_a_closed_queue_still_answers_who_waits():
    async def test(batcher, texts, pictures, gate):
        first = submit(batcher, texts, ["a"])
        await gate.has_begun()
        second = submit(batcher, texts, ["bb"])
        await turn()
        batcher.close()
        gate.let(2)
        assert [(await first).tolist(), (await second).tolist()] == [[[1.0]], [[2.0]]]

    run(test)
