"""manage.py up: run everything on this machine, in the foreground, until Ctrl-C or SIGTERM."""

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dam import postgres
from dam.env import BASE_DIR, DATA_DIR, env

STOP_SECONDS = 8  # how long a process may take to end by itself; all of it stops within 10
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Command(BaseCommand):
    help = "Start the database (unless DATABASE_URL is set), web server, worker and scheduler."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-samples", action="store_true", help="do not load the sample library")

    def handle(self, *args: Any, **options: Any) -> None:
        # Before anything is started, so that a signal at any moment ends all of it.
        self.stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stop.set())
        with self._only_one(), self._port_is_free(), self._database():
            environment = os.environ | {"DJANGO_SETTINGS_MODULE": "dam.settings", "PYTHONUNBUFFERED": "1"}
            environment.setdefault("DAM_WARM_UP", "1")
            if settings.DAM_HOST in LOOPBACK:
                environment.setdefault("DAM_PUBLIC_READ", "1")
            bootstrap = [sys.executable, "manage.py", "bootstrap"] + ["--no-samples"] * options["no_samples"]
            processes = {"bootstrap": _start(bootstrap, environment)}
            try:
                if self._wait_for(processes, until_ended="bootstrap") != 0:
                    if self.stop.is_set():
                        return
                    raise CommandError("The library could not be made ready; the message above says why.")
                processes = {name: _start(command, environment) for name, command in _services().items()}
                self._announce()
                ended = self._wait_for(processes)
                if ended is not None:
                    raise CommandError("A process ended by itself, so all were stopped; its last words are above.")
            finally:
                _stop(processes)

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        with (DATA_DIR / "up.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CommandError(f"Already running on {DATA_DIR}: {_url()}") from error
            yield

    @contextmanager
    def _port_is_free(self) -> Iterator[None]:
        family = socket.AF_INET6 if ":" in settings.DAM_HOST else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.DAM_HOST, settings.DAM_PORT))
            except OSError as error:
                address = f"{settings.DAM_HOST}:{settings.DAM_PORT}"
                raise CommandError(f"{address} cannot be used ({error.strerror}); set DAM_PORT or DAM_HOST.") from error
        yield

    @contextmanager
    def _database(self) -> Iterator[None]:
        if env.str("DATABASE_URL", default=""):
            yield
            return
        server = postgres.start(DATA_DIR)
        try:
            yield
        finally:
            server.stop()

    def _wait_for(self, processes: dict[str, subprocess.Popen], until_ended: str | None = None) -> int | None:
        """Wait until a process ends, and return its exit status; None when a signal came first."""
        while not self.stop.wait(0.1):
            for name, process in processes.items():
                if (status := process.poll()) is not None:
                    if name != until_ended:
                        self.stderr.write(f"{name} ended with status {status}.")
                    return status
        return None

    def _announce(self) -> None:
        url = _url()
        self.stdout.write(
            f"\n  Page   {url}/\n  Admin  {url}/admin/\n  API    {url}/api/docs/\n\nCtrl-C stops all of it."
        )
        self.stdout.flush()


def _url() -> str:
    host = f"[{settings.DAM_HOST}]" if ":" in settings.DAM_HOST else settings.DAM_HOST
    return settings.DAM_URL or f"http://{host}:{settings.DAM_PORT}"


def _services() -> dict[str, list[str]]:
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "-A", "dam"]
    level = ["--loglevel", "WARNING"]
    # The worker holds a model, so it runs in one process without forking.
    worker = ["--quiet", "worker", "--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    address = ["--host", settings.DAM_HOST, "--port", str(settings.DAM_PORT)]
    return {
        "web": [*python, "granian", "--interface", "wsgi", "--blocking-threads", "4", "--no-ws", *address,
                "--log-level", "warning", "--workers-kill-timeout", "3", "dam.wsgi:application"],
        "worker": [*celery, *worker, *level],
        "scheduler": [*celery, "beat", *level],
    }  # fmt: skip


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen:
    """Start a process in a group of its own, so that a Ctrl-C in the terminal reaches only its parent."""
    return subprocess.Popen(  # noqa: S603 - our own commands, no shell
        command, cwd=BASE_DIR, env=environment, start_new_session=True, preexec_fn=_end_with_parent
    )


def _end_with_parent() -> None:
    """Ask Linux to end this child when its parent dies, by whatever signal."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _stop(processes: dict[str, subprocess.Popen]) -> None:
    """End the processes: asked first, and after ``STOP_SECONDS`` whole groups without asking."""
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes.values():
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever is left of its group
        process.wait()
