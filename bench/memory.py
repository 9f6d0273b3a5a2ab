"""What the processes weigh: the web process beside bare Django and the REST framework, and the others of ``up``.

    python -m bench.memory

Both web processes are real, under the same server, on the same database, and have answered the same number of requests.
What counts is the resident memory of the process that answers (not of the server's parent).
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import urlopen

import psutil

ROOT = Path(__file__).resolve().parent.parent
REQUESTS = 100
OURS = ("/", "/?q=truck+{}", "/api/v1/assets/?semantic=a+car+{}", "/admin/login/", "/api/v1/assets/")
BARE = ("/admin/login/", "/api/", "/api/users/")


class Weights(NamedTuple):
    """Resident memory in bytes."""

    web: int
    bare: int
    worker: int
    encoder: int

    @property
    def ratio(self) -> float:
        """The web process, in bare ones: at most 2."""
        return self.web / self.bare


def measure() -> Weights:
    """Start everything in a new data directory, ask it for pages, and weigh it. Takes some 30 seconds."""
    with tempfile.TemporaryDirectory(prefix="dam-") as folder, _library(Path(folder)) as (up, port):
        _ask(port, OURS)
        ours = {process.pid: " ".join(process.cmdline()) for process in psutil.Process(up.pid).children(recursive=True)}
        web = _answering(next(pid for pid, command in ours.items() if "dam.wsgi" in command))
        worker, encoder = (
            psutil.Process(next(pid for pid, command in ours.items() if word in command)).memory_info().rss
            for word in (" worker ", "manage.py encoder")
        )
        with _bare(Path(folder)) as (server, bare_port):
            _ask(bare_port, BARE)
            bare = _answering(server.pid)
        return Weights(web, bare, worker, encoder)


@contextmanager
def _library(folder: Path) -> Iterator[tuple[subprocess.Popen, int]]:
    port = _free_port()
    environment = _clean() | {"DAM_DATA_DIR": str(folder), "DAM_PORT": str(port)}
    with _running([sys.executable, "manage.py", "up", "--no-samples"], environment) as process:
        _wait(lambda: _answers(f"http://127.0.0.1:{port}/?q=ready"))
        yield process, port


@contextmanager
def _bare(folder: Path) -> Iterator[tuple[subprocess.Popen, int]]:
    port = _free_port()
    sockets = quote(str(next(folder.rglob(".s.PGSQL.*[0-9]")).parent), safe="")
    environment = _clean() | {"DATABASE_URL": f"postgres://postgres@{sockets}/postgres"}
    command = [sys.executable, "-m", "waitress", "--threads", "4", "--listen", f"127.0.0.1:{port}"]
    command += ["bench.bare.wsgi:application"]
    with _running(command, environment) as process:
        _wait(lambda: _answers(f"http://127.0.0.1:{port}/admin/login/"))
        yield process, port


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _answering(server: int) -> int:
    """Return the resident memory of the server's heaviest process: the one that runs the application."""
    family = [psutil.Process(server), *psutil.Process(server).children(recursive=True)]
    return max(process.memory_info().rss for process in family)


def _ask(port: int, paths: tuple[str, ...]) -> None:
    for number in range(REQUESTS):
        path = paths[number % len(paths)].format(number)
        with suppress(HTTPError):  # a refused sign-in is an answer, too
            urlopen(f"http://127.0.0.1:{port}{path}").read()


def _answers(url: str) -> bool:
    try:
        return urlopen(url, timeout=5).status == 200
    except (HTTPError, URLError, ConnectionError, TimeoutError):
        return False


def _wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _clean() -> dict[str, str]:
    ours = ("DAM_", "DJANGO_", "DATABASE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


if __name__ == "__main__":
    weights = measure()
    for name, rss in weights._asdict().items():
        print(f"{name:8} {rss / 2**20:6.0f} MiB")
    print(f"web ÷ bare Django + REST framework  {weights.ratio:.2f}  (goal: at most 2)")
