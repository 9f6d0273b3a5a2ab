"""Our encoder process, as other people's clients meet it."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ROOT, wait_until

MODEL = "emoji-scenes"
TOKEN = "token-of-the-encoder"


@dataclass
class Server:
    url: str
    token: str = TOKEN


@contextmanager
def running(folder: Path, token: str = TOKEN, **environment: str) -> Iterator[Server]:
    """Run ``manage.py encoder`` with the bundled model on a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    known = {"DAM_DATA_DIR": str(folder), "DAM_ENCODER_TOKEN": token, "OMP_NUM_THREADS": "1", "DAM_MODEL": MODEL}
    command = [sys.executable, "manage.py", "encoder", "--bind", f"127.0.0.1:{port}"]
    log = folder / "encoder.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | known | environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            server = Server(f"http://127.0.0.1:{port}", token)

            def is_ready() -> bool:
                assert process.poll() is None, log.read_text()
                with suppress(OSError, urllib.error.HTTPError):
                    return urllib.request.urlopen(f"{server.url}/ping", timeout=5).status == 200
                return False

            wait_until(is_ready, "the encoder to load its model", seconds=120)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)
