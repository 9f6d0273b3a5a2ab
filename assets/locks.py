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


@contextmanager
def alone(what: str) -> Iterator[bool]:
    """Whether nobody else runs the block for the same ``what``, in any process; the lock goes with the process.

    Nobody waits for it: an index's build waits for every transaction that is under way, also for one that would wait.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [what])
        (mine,) = cursor.fetchone()
        try:
            yield mine
        finally:
            if mine:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [what])


# Those of some names that somebody runs ``alone``, for other statements: ``name`` is the column of the name.
IS_HELD = """
    EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND (classid::bigint << 32 | objid::bigint) = hashtextextended(name, 0)
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
"""
