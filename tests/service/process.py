"""``manage.py encoder`` for real, on a unix socket of its own."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

from tests.support.processes import ROOT, wait_until


class EncoderProcess:
    """The process, and plain HTTP to it."""

    def __init__(self, folder: Path, bind: str = "", arguments: tuple[str, ...] = (), **environment: str) -> None:
        self.folder, self.arguments = folder, arguments
        self.url = bind or f"unix:{folder / 'encoder.sock'}"
        path = self.url.removeprefix("unix:") if not bind else None
        self.http = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=path), base_url="http://encoder" if path else f"http://{bind}"
        )
        self.environment = os.environ | {"OMP_NUM_THREADS": "1", "DAM_MODEL": "emoji-scenes"} | environment
        self.start()

    def start(self) -> None:
        command = [sys.executable, "manage.py", "encoder", "--bind", self.url, *self.arguments]
        with (self.folder / "encoder.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)

    def is_loaded(self) -> bool:
        with suppress(httpx2.TransportError):
            return bool(self.health()["models"])
        assert self.process.poll() is None, (self.folder / "encoder.log").read_text()
        return False

    def wait(self) -> None:
        wait_until(self.is_loaded, "the encoder to have its model", seconds=120)

    def health(self) -> dict[str, Any]:
        return self.http.get("/health").json()

    def encoded(self, what: str) -> tuple[int, int]:
        """How many items were encoded by now, and in how many forward passes."""
        of_model = self.health()["models"]["emoji-scenes"]
        return of_model["encoded"][what], of_model["forward_passes"][what]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @contextmanager
    def hung(self) -> Iterator[None]:
        """It accepts connections, and does nothing any more."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[EncoderProcess]:
    with tempfile.TemporaryDirectory(prefix="enc-") as folder:  # short: a socket's path has 107 bytes at most
        encoder = EncoderProcess(Path(folder), arguments=arguments, **environment)
        try:
            encoder.wait()
            yield encoder
        finally:
            encoder.kill()
