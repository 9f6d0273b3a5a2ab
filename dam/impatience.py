"""Connections of the web process to a database that may hang: its own time limit ends only what it still attends to."""

import time
from collections.abc import Generator
from typing import Any

import psycopg

# What a health check may take, and how much longer than the server's own limit an answer may (seconds).
CHECK, BEYOND = 3.0, 5.0


class ImpatientConnection(psycopg.Connection):
    """Ends itself, with an OperationalError, when the server does not answer in time; nobody waits on it for ever."""

    statement_seconds = 30.0
    _checking = False

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        self._checking = not query  # the pool's check of a connection is an empty statement
        try:
            return super().execute(query, *args, **kwargs)
        finally:
            self._checking = False

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        seconds = CHECK if self._checking else self.statement_seconds + BEYOND
        return super().wait(self._limited(gen, seconds), *args, **kwargs)

    def _limited(self, gen: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
        """``gen`` until the time is up: psycopg looks after it ten times a second, whether or not anything has come."""
        deadline = time.monotonic() + seconds
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the database did not answer within {seconds:g} seconds")
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value
