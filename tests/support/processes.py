"""Real processes for tests: a Celery worker over the embedded broker, and waiting on conditions."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Return the condition's value once it is true; fail when it is still false after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} seconds for {what}")
        time.sleep(0.05)
    return value


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process that works on the test's database and files."""
    database = connection.settings_dict
    url = f"postgres://{database['USER']}@{quote(database['HOST'], safe='')}/{database['NAME']}"
    return (
        os.environ
        | {
            "DATABASE_URL": url,
            "DAM_DATA_DIR": str(data_dir),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "OMP_NUM_THREADS": "1",
        }
        | more
    )


@contextmanager
def worker(data_dir: Path, **more: str) -> Iterator[subprocess.Popen]:
    """Run a worker as ``manage.py up`` does, until the block ends."""
    command = [sys.executable, "-m", "celery", "-A", "dam", "--quiet", "worker", "--pool", "solo", "--loglevel", "INFO"]
    log = data_dir / "worker.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(data_dir, **more), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait_until(lambda: b"ready." in log.read_bytes() or process.poll() is not None, "the worker to start")
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            process.kill()
            process.wait()
