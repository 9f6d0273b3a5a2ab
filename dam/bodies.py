"""Bodies of requests that come too slowly are given up: the web server has few threads, and waits without end."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

IDLE_SECONDS = 10.0  # without a byte
SECONDS, BYTES_PER_SECOND = 30.0, 1000  # for the whole body: so long, and longer by as much as came


class TooSlow(OSError):
    """The body did not come in time; Django makes an ``UnreadablePostError`` of it."""


def within_time(application: Callable[..., Any]) -> Callable[..., Any]:
    """Return the WSGI application with a body that raises TooSlow instead of waiting for it without end."""

    def impatient(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("CONTENT_LENGTH") in {None, "", "0"} and "HTTP_TRANSFER_ENCODING" not in environ:
            return application(environ, start_response)
        body = environ["wsgi.input"] = Body(environ["wsgi.input"])
        try:
            return application(environ, start_response)
        finally:
            body.close()

    return impatient


class Body:
    """A stream that is read by a thread of its own, so that whoever wants to read it need not wait as long."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._wanted: queue.SimpleQueue[Callable[[], bytes] | None] = queue.SimpleQueue()
        self._read: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
        self._started, self._bytes, self._late = time.monotonic(), 0, False
        threading.Thread(target=self._serve, name="body", daemon=True).start()

    def read(self, size: int = -1) -> bytes:
        return self._within_time(lambda: self._stream.read(size))

    def readline(self, size: int = -1) -> bytes:
        return self._within_time(lambda: self._stream.readline(size))

    def close(self) -> None:
        self._wanted.put(None)

    def _within_time(self, read: Callable[[], bytes]) -> bytes:
        left = self._started + SECONDS + self._bytes / BYTES_PER_SECOND - time.monotonic()
        if not self._late:
            self._wanted.put(read)
            try:
                data = self._read.get(timeout=max(0.0, min(IDLE_SECONDS, left)))
            except queue.Empty:
                self._late = True
            else:
                if isinstance(data, Exception):
                    raise data
                self._bytes += len(data)
                return data
        raise TooSlow("The body of the request did not come in time.")

    def _serve(self) -> None:
        while (read := self._wanted.get()) is not None:
            try:
                self._read.put(read())
            except Exception as error:  # it belongs to whoever wanted to read
                self._read.put(error)
