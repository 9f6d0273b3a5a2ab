"""Another request at the same time, without waiting for luck."""

from collections.abc import Callable
from threading import Thread
from typing import Any

from django.db import connection

# Of this database alone: another process of the tests has one of its own in the same server. A row's lock names no
# database, but who waits for one holds locks that do. (pg_stat_activity would stay as a transaction first saw it.)
WAITING = """
    SELECT EXISTS (
        SELECT FROM pg_locks AS wanted JOIN pg_locks AS held USING (pid)
        WHERE NOT wanted.granted AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
"""


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return cursor.fetchone()[0]


def meanwhile(act: Callable[[], Any]) -> Any:
    """Do this in a thread with a connection of its own; return its result, or the error that it ended with.

    What it cannot have because the caller holds a lock, it gives up at once.
    """
    outcome: list[Any] = []

    def run() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '300ms'")
            outcome.append(act())
        except Exception as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]
