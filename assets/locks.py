"""Locks that hold across processes and machines, because the database holds them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def only_one(what: str) -> Iterator[None]:
    """Run the block in a transaction that nobody else runs for the same ``what``; others wait until it has ended."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [what])
        yield
