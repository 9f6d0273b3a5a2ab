"""The connection to Milvus, one for each process: bounded in time, and left alone for a while after it failed."""

import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from search.service.address import LONGEST_SOCKET_PATH, Address

logger = logging.getLogger(__name__)

# How many seconds nobody asks again after Milvus did not answer: searches do not wait for it one after the other.
PAUSE = 5
# Milvus' own numbers of errors.
NOT_FOUND, NOT_LOADED = 100, 101


class Unavailable(Exception):
    """Milvus is not to be had now; the message says why."""


class Missing(Unavailable):
    """The collection is not there."""


class _Connection:
    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.client: Any = None
        self.asked_again_at, self.why = 0.0, ""


_connection = _Connection()


@contextmanager
def milvus() -> Iterator[Any]:
    """Yield the ``MilvusClient``; raise Unavailable for whatever it raises, and at once for ``PAUSE`` seconds after."""
    import grpc
    from pymilvus import MilvusException

    connection = _of_this_process()
    if time.monotonic() < connection.asked_again_at:
        raise Unavailable(connection.why)
    try:
        with connection.lock:
            if connection.client is None:
                connection.client = _connected()
        yield connection.client
    except (MilvusException, grpc.RpcError) as error:
        if getattr(error, "code", None) == NOT_FOUND:
            raise Missing(_words_of(error)) from error
        connection.why = without_password(f"Milvus at {settings.DAM_MILVUS_URI}: {_words_of(error)}")
        connection.asked_again_at = time.monotonic() + PAUSE
        logger.warning(connection.why)
        raise Unavailable(connection.why) from error


def forget() -> None:
    """Connect anew at the next use, whatever happened before."""
    global _connection
    client, _connection = _connection.client, _Connection()
    if client is not None:
        client.close()


def server_socket(path: str) -> Address | None:
    """Return where ``manage.py up`` serves the file at ``path`` to all processes; None where the path is too long."""
    socket = Path(path).with_suffix(".sock")
    return Address(path=str(socket)) if len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH else None


def is_file(uri: str) -> bool:
    """Whether this is the path of a file of milvus-lite, and no server's address."""
    return "://" not in uri and not uri.startswith("unix:")


def without_password(text: str) -> str:
    """Return the text with its addresses as everybody may see them: /healthz shows what goes wrong."""
    return re.sub(r"//[^/]*@", "//", text)


def _of_this_process() -> _Connection:
    if _connection.pid != os.getpid():  # a channel does not live on in a forked child
        globals()["_connection"] = _Connection()
    return _connection


def _connected() -> Any:
    """A file that no process serves is opened here; one process can have it open."""
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what it raises is logged here, once
    from pymilvus import MilvusClient

    uri = settings.DAM_MILVUS_URI
    if is_file(uri) and (server := server_socket(uri)) and server.answers():
        uri = str(server)
    return MilvusClient(uri, token=settings.DAM_MILVUS_TOKEN, timeout=settings.DAM_MILVUS_SECONDS)


def _words_of(error: Exception) -> str:
    said = getattr(error, "message", None) or getattr(error, "details", lambda: None)() or str(error)
    return str(said).splitlines()[0][:300]
