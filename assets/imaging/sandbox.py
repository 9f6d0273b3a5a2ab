"""Decoding in child processes that may crash, hang or eat memory without harm to the caller.

A child is started once and takes many files, one at a time; it has limits on memory, CPU time, open files and written
bytes, and its parent ends it when a file takes longer than the wall-clock limit.
"""

import json
import os
import queue
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from PIL import Image

from assets.imaging import DOCUMENTS, FILMS, DecoderDied, Undecodable

T = TypeVar("T")

DECODER = "assets.imaging.decoder"  # what runs in a child; the fault runs put another in its place
FILES_PER_CHILD = 500  # decoders leak; a fresh child costs about 0.2 s


@dataclass(frozen=True)
class Limits:
    """What one decoder may take: bytes of address space, CPU and wall seconds for one picture, children at a time.

    A film or a document has many pictures: ``long_seconds`` is how long more of them are looked for. It may spend
    twice as much CPU, and 2.5 times as long, until it is ended: what was found by then is still to be encoded.
    """

    memory_bytes: int = 2 * 1024**3
    cpu_seconds: int = 20
    wall_seconds: float = 30
    processes: int = 2
    long_seconds: int = 60

    def seconds(self, mime_type: str) -> tuple[int, float]:
        """Return CPU and wall seconds for one file of this type."""
        if mime_type in FILMS or mime_type in DOCUMENTS:
            return 2 * self.long_seconds, 2.5 * self.long_seconds
        return self.cpu_seconds, self.wall_seconds


# By preset: WebP bytes, width and height in pixels.
Renditions = dict[str, tuple[bytes, int, int]]


@dataclass(frozen=True)
class DecodedPart:
    """A part of a file: its number (from 1), its kind and where it is (as columns of ``Segment``), its pictures."""

    number: int
    place: dict[str, Any]
    renditions: Renditions


@dataclass(frozen=True)
class Decoded:
    """One decoded file.

    ``width`` and ``height`` are the upright original's in pixels; ``picture`` is RGB with its short side at the size
    asked for, or smaller; ``parts`` are what is found beside the whole, where that was asked for.
    """

    width: int
    height: int
    format: str
    metadata: dict[str, Any]
    taken_at: str | None
    renditions: Renditions
    picture: Image.Image
    parts: tuple[DecodedPart, ...] = ()


class _Child:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.files = 0
        self.process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-m", DECODER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
            env={"PATH": os.environ.get("PATH", ""), "MALLOC_ARENA_MAX": "2"},
        )
        self._jobs, self._results = cast(IO[bytes], self.process.stdin), cast(IO[bytes], self.process.stdout)
        pid = self.process.pid
        resource.prlimit(pid, resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (64, 64))

    def decode(self, job: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """Send one job and read its answer; raise DecoderDied when the child dies over it."""
        self.files += 1
        cpu_seconds, wall_seconds = self.limits.seconds(job["mime_type"])
        self._allow_more_cpu(cpu_seconds)
        overdue = threading.Event()

        def end() -> None:
            overdue.set()
            self.process.kill()

        alarm = threading.Timer(wall_seconds, end)
        alarm.start()
        try:
            self._jobs.write(json.dumps(job).encode() + b"\n")
            self._jobs.flush()
            answer = json.loads(self._results.readline() or "null")
            blobs = [self._read(size) for size in answer["blobs"]] if answer else []
        except (OSError, EOFError, json.JSONDecodeError):
            answer = None
        finally:
            alarm.cancel()
        if answer is None:
            self.close()
            raise DecoderDied(self._obituary(cpu_seconds, wall_seconds if overdue.is_set() else None))
        return answer, blobs

    def _read(self, size: int) -> bytes:
        data = self._results.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def _allow_more_cpu(self, seconds: int) -> None:
        """Move the CPU limit on: it counts the whole life of a process and ours is for one file."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        soft = int(used) + 1 + seconds
        resource.prlimit(self.process.pid, resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))

    def _obituary(self, cpu_seconds: int, overdue: float | None) -> str:
        code = self.process.returncode
        if overdue is not None:
            return f"the decoder took longer than {overdue:g} seconds and was ended"
        if code == -24:  # SIGXCPU
            return f"the decoder used more than {cpu_seconds} seconds of CPU time and was ended"
        return f"the decoder died over this file (signal {-code})" if code < 0 else f"the decoder exited with {code}"

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class Sandbox:
    """A pool of decoder children; safe to use from several threads."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._idle: queue.LifoQueue[_Child] = queue.LifoQueue()
        self._free = threading.BoundedSemaphore(self.limits.processes)
        # More threads than children: while some wait for a storage, all children have something to decode.
        self._threads = ThreadPoolExecutor(3 * self.limits.processes, thread_name_prefix="decode")

    def decode(
        self,
        path: Path,
        *,
        presets: dict[str, int],
        side: int,
        max_pixels: int,
        mime_type: str = "image/*",
        parts: bool = False,
    ) -> Decoded:
        """Decode the file at ``path``; raise Undecodable with the reason when that is not possible.

        What is no film and no document by its ``mime_type`` is a picture. ``parts`` asks for frames, pages or tiles.
        """
        job = {
            "path": str(path),
            "mime_type": mime_type,
            "presets": presets,
            "side": side,
            "max_pixels": max_pixels,
            "parts": parts,
            "seconds": self.limits.long_seconds,
        }
        with self._free:
            child = self._take()
            try:
                answer, blobs = child.decode(job)
            except BaseException:
                child.close()
                raise
            self._give_back(child)
        if problem := answer.get("problem"):
            raise Undecodable(problem)
        files = iter(blobs)
        return Decoded(
            width=answer["width"],
            height=answer["height"],
            format=answer["format"],
            metadata=answer["metadata"],
            taken_at=answer["taken_at"],
            renditions=_renditions(answer, files),
            picture=Image.frombytes("RGB", tuple(answer["picture"]), next(files)),
            parts=tuple(
                DecodedPart(part["number"], part["place"], _renditions(part, files)) for part in answer["parts"]
            ),
        )

    def submit(self, function: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Call the function, which fetches, decodes and stores something, in a thread of its own."""
        return self._threads.submit(function, *arguments)

    def _take(self) -> _Child:
        try:
            child = self._idle.get_nowait()
        except queue.Empty:
            return _Child(self.limits)
        return child if child.process.poll() is None else _Child(self.limits)

    def _give_back(self, child: _Child) -> None:
        if child.files < FILES_PER_CHILD:
            self._idle.put(child)
        else:
            child.close()

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get().close()


def _renditions(sizes: dict[str, Any], files: Iterator[bytes]) -> Renditions:
    return {preset: (next(files), size["width"], size["height"]) for preset, size in sizes["renditions"].items()}
