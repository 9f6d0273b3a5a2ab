"""One model's queue: what waits together is encoded together, in one forward pass at a time, texts before pictures."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

BATCH = 32  # items of one forward pass, at most
PART = 8  # requests are cut into parts of this size, so that a batch can end in the middle of one
BATCH_SECONDS = 0.25  # pictures that take longer go in smaller batches: a search may wait behind one


class Full(Exception):
    """Too much waits already; ``retry_after`` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too much waits to be encoded already; try again later.")
        self.retry_after = retry_after


class Part:
    """Up to ``PART`` items of one request, and where their vectors go."""

    def __init__(self, items: Any) -> None:
        self.items = items
        self.vectors: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()


class Lane:
    """What waits to be encoded in one way, in order of arrival."""

    def __init__(self, encode: Callable[[list[Part]], np.ndarray], room: int) -> None:
        self.encode, self.room = encode, room
        self.parts: dict[Part, None] = {}  # as an ordered set: who is gone leaves from the middle
        self.pace = 0.0  # seconds an item took in the last pass
        self.encoded = self.passes = 0

    @property
    def waiting(self) -> int:
        return sum(len(part.items) for part in self.parts)

    def take(self) -> list[Part]:
        """Take the next batch out of the lane: at least one part, at most ``BATCH`` items."""
        most = min(BATCH, BATCH_SECONDS / self.pace if self.pace else PART)
        taken: list[Part] = []
        for part in list(self.parts):
            if taken and sum(len(other.items) for other in taken) + len(part.items) > most:
                break
            taken.append(part)
            del self.parts[part]
        return taken


class Batcher:
    """Encodes what is submitted. ``lanes`` are in order of urgency: one is served when those before it are empty."""

    def __init__(self, lanes: list[Lane]) -> None:
        self._lanes = lanes
        self._wanted = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="forward")
        self._closing = False
        self._task = asyncio.create_task(self._run())

    async def submit(self, lane: Lane, items: Any) -> np.ndarray:
        """Return the vectors of ``items``, float32 of shape (n, dimensions); raise Full when the lane has no room.

        Whoever is cancelled while waiting leaves the queue.
        """
        if (waiting := lane.waiting) + len(items) > lane.room:
            raise Full(max(1, round(waiting * lane.pace)))
        parts = [Part(items[start : start + PART]) for start in range(0, len(items), PART)]
        lane.parts |= dict.fromkeys(parts)
        self._wanted.set()
        try:
            return np.concatenate(await asyncio.gather(*(part.vectors for part in parts)))
        finally:
            for part in parts:
                lane.parts.pop(part, None)

    def close(self) -> None:
        """End once nothing waits any more."""
        self._closing = True
        self._wanted.set()

    async def _run(self) -> None:
        while True:
            lane = next((lane for lane in self._lanes if lane.parts), None)
            if lane is not None:
                await self._encode(lane, lane.take())
            elif self._closing:
                return self._thread.shutdown(wait=False)
            else:
                self._wanted.clear()
                await self._wanted.wait()

    async def _encode(self, lane: Lane, parts: list[Part]) -> None:
        started = time.perf_counter()
        try:
            vectors = await asyncio.get_running_loop().run_in_executor(self._thread, lane.encode, parts)
        except Exception as error:
            if len(parts) > 1:  # whoever's fault it is, the others have their vectors
                for part in parts:
                    await self._encode(lane, [part])
            elif not parts[0].vectors.done():
                parts[0].vectors.set_exception(error)
            return
        lane.pace = (time.perf_counter() - started) / len(vectors)
        lane.encoded += len(vectors)
        lane.passes += 1
        ends = np.cumsum([len(part.items) for part in parts])
        for part, its in zip(parts, np.split(vectors, ends[:-1]), strict=True):
            if not part.vectors.done():
                part.vectors.set_result(its)
