"""A library that `manage.py up` runs on a data directory and a port of its own, as its user would."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests

from search.service.address import Address
from tests.support.processes import ROOT, wait_until


@contextmanager
def own_directory() -> Iterator[Path]:
    """A directory outside pytest's, which every session closes to others: the database of root runs as another user."""
    directory = Path(tempfile.mkdtemp(prefix="dam-library-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Library:
    """A data directory, a port, and the commands a user would type there."""

    def __init__(self, data_dir: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = data_dir
        self.log = data_dir / "up.log"
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("DAM_", "DJANGO_", "DATABASE"))
        }
        self.environment = kept | {"DAM_DATA_DIR": str(data_dir), "DAM_PORT": str(self.port)}

    def manage(self, *arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )

    @contextmanager
    def up(
        self, arguments: Sequence[str] = ("--no-samples",), environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen]:
        command = [sys.executable, "manage.py", "up", *arguments]
        self.log.write_text("")
        with self.log.open("a") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment or self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(
                lambda: "Ctrl-C" in self.log.read_text() or process.poll() is not None, "up to be up", seconds=240
            )
            assert process.poll() is None, self.log.read_text()
            assert Address(host="127.0.0.1", port=self.port).answers(), (
                "addresses were printed before anybody was there"
            )
            wait_until(self.answers, "the web server", seconds=60)
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/livez", timeout=2).status_code == 200
        except requests.ConnectionError:
            return False

    def processes(self) -> list[psutil.Process]:
        """Everything that runs on this data directory, the database's own processes included."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("DAM_DATA_DIR") == str(self.data_dir)
                if (ours or str(self.data_dir) in " ".join(process.cmdline())) and process.status() != "zombie":
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found
