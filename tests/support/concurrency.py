"""Another request at the same time, without waiting for luck."""

from collections.abc import Callable
from threading import Thread
from typing import Any

from django.db import connection


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
