"""What bounds one request to a language model, whatever its service does: seconds and bytes, all together."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx2
from django.conf import settings
from django.utils.translation import gettext as _

from search.ask.errors import AskFailed, Unreadable
from search.ask.providers.calls import too_long
from search.ask.setup import Setup

# Each of an answer's characters comes in an event of its own, at worst.
MOST_BYTES = 16_000_000


class Limits:
    """Bounds what a client with these ``hooks`` does within the context; ``failure`` is the limit that was reached.

    The transport's own timeout starts anew with every byte, and an SDK hands on no headers, comments or halves of lines
    by which its caller could look at the clock. So a timer ends the connection.
    """

    def __init__(self, setup: Setup) -> None:
        self.failure: AskFailed | None = None
        self.hooks: dict[str, list[Callable[..., Any]]] = {"request": [self._watch], "response": [self._bound]}
        self._setup = setup
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(settings.DAM_LLM_SECONDS, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "Limits":
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()

    def reached(self, failure: AskFailed) -> httpx2.ReadError:
        """Note the failure, and return what the transport is to raise for it."""
        self.failure = failure
        return httpx2.ReadError(str(failure))

    def _end(self) -> None:
        with self._lock:
            self.failure = self.failure or too_long(self._setup)
            self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # closed already
                # Not the method of a TLS socket, which takes its state from under the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _watch(self, request: httpx2.Request) -> None:
        request.extensions["trace"] = self._trace

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        if name.endswith((".connect_tcp.complete", ".start_tls.complete")):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                if self.failure:
                    self._cut()

    def _bound(self, response: httpx2.Response) -> None:
        if (encoding := response.headers.get("content-encoding", "identity")) != "identity":
            # Nobody asked for it, and a few bytes of it can become gigabytes.
            text = _("%(model)s sent a compressed answer (%(encoding)s), which is not read.")
            raise self.reached(Unreadable(text % {"model": self._setup.name, "encoding": encoding[:20]}))
        response.stream = _Counted(response.stream, self)


class _Counted(httpx2.SyncByteStream):
    """The bytes of an answer, and no more of them than an answer has."""

    def __init__(self, stream: Any, limits: Limits) -> None:
        self._stream, self._limits = stream, limits

    def __iter__(self) -> Iterator[bytes]:
        left = MOST_BYTES
        for data in self._stream:
            left -= len(data)
            if left < 0:
                raise self._limits.reached(Unreadable(_("The answer is longer than was asked for.")))
            yield data

    def close(self) -> None:
        self._stream.close()
