"""Waking the workers without ever waiting for the broker.

A ring says only "there is work in the database"; two rings are as good as one. It is published by a thread of its
own, so that the request that rings returns at once while the broker is slow, hung or gone. A lost ring costs time and
nothing else: the sweep rings again.
"""

import atexit
import logging
import os
import threading
from functools import partial

from celery import current_app
from django.db import transaction

logger = logging.getLogger(__name__)


class _Ringer:
    def __init__(self) -> None:
        self.pid = os.getpid()
        self._tasks: set[str] = set()
        self._changed = threading.Condition()
        self._publishing = False
        threading.Thread(target=self._publish_forever, name="doorbell", daemon=True).start()
        atexit.register(self.flush, timeout=2)  # a command that saves and exits still gets its ring out

    def ring(self, task: str) -> None:
        with self._changed:
            self._tasks.add(task)
            self._changed.notify_all()

    def flush(self, timeout: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._tasks and not self._publishing, timeout)

    def _publish_forever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._tasks)
                task = self._tasks.pop()
                self._publishing = True
            try:
                current_app.send_task(task, retry=False, ignore_result=True)
            except Exception as error:  # any broker's client, any of its errors: the sweep makes up for it
                logger.warning("The broker did not take %s: %s", task, error)
            finally:
                with self._changed:
                    self._publishing = False
                    self._changed.notify_all()


_ringer: _Ringer | None = None
_lock = threading.Lock()


def _ring_now(task: str) -> None:
    global _ringer
    with _lock:
        if _ringer is None or _ringer.pid != os.getpid():  # a thread does not live on in a forked child
            _ringer = _Ringer()
    _ringer.ring(task)


def ring(task: str) -> None:
    """Ask for a run of the named task once the surrounding transaction, if any, is committed."""
    transaction.on_commit(partial(_ring_now, task), robust=True)
