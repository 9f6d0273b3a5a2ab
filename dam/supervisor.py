"""Keeping processes running: what ends by itself is started again, and everything ends together."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from dam.env import BASE_DIR

STOP_SECONDS = 8  # how long processes may take to end by themselves; all of them stop within 10
SETTLED_SECONDS = 10  # one that ends sooner than this after its first start would only end again
MOST_TRIES = 5  # how often one that was killed so early is started
LONGEST_PAUSE = 8  # seconds between the starts of one that ends early again and again


class Failed(Exception):
    """A process cannot be kept running; the message says which."""


class Service:
    """One child process in a group of its own, so that a Ctrl-C in the terminal reaches only its parent."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.name, self.command, self.environment = name, command, environment
        self.early_ends = 0  # in a row
        self.has_settled = False
        self.start()

    def start(self) -> None:
        self.started, self.again_at = time.monotonic(), 0.0
        self.process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
            self.command, cwd=BASE_DIR, env=self.environment, start_new_session=True, preexec_fn=_end_with_parent
        )

    def ended(self, status: int) -> float:
        """Return how many seconds to wait until it is started again; raise Failed when that is of no use.

        A mistake in the configuration shows at the first start. Later, or when somebody killed it, it is tried again.
        """
        early = time.monotonic() - self.started < SETTLED_SECONDS
        self.has_settled |= not early
        self.early_ends = self.early_ends + 1 if early else 0
        if not self.has_settled and (status >= 0 or self.early_ends == MOST_TRIES):
            raise Failed(f"{self.name} ended with status {status} right after its start.")
        return min(2.0 ** (self.early_ends - 1), LONGEST_PAUSE) if early else 0.0

    def kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def run_once(service: Service, stop: threading.Event) -> None:
    """Wait until the process has ended well, or ``stop`` is set; raise Failed when it has not."""
    while not stop.wait(0.1):
        if (status := service.process.poll()) is not None:
            if status:
                raise Failed(f"{service.name} ended with status {status}; its last words are above.")
            return


def keep_running(services: list[Service], stop: threading.Event, say: Callable[[str], object]) -> None:
    """Start services again when they end, until ``stop`` is set; raise Failed for one that does not stay."""
    while not stop.wait(0.2):
        for service in services:
            status = service.process.poll()
            if status is None:
                continue
            if not service.again_at:
                service.again_at = time.monotonic() + service.ended(status)
                say(f"{service.name} ended with status {status}; it is started again.")
                service.kill_group()  # what it may have left behind holds its port
            if time.monotonic() >= service.again_at:
                service.start()


def stop_all(services: list[Service]) -> None:
    """End the processes: asked first, and after ``STOP_SECONDS`` whole groups without asking."""
    for service in services:
        if service.process.poll() is None:
            service.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for service in services:
        with suppress(subprocess.TimeoutExpired):
            service.process.wait(max(0.1, deadline - time.monotonic()))
        service.kill_group()
        service.process.wait()


def _end_with_parent() -> None:
    """Ask Linux to end this child when its parent dies, by whatever signal."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
