"""The web server: waitress, which takes a request in whole before a thread attends to it, with limits on what is slow.

``python -m dam.wsgi`` runs it.
"""

from __future__ import annotations

import logging
import math
import resource
import signal
import tempfile
import time
from typing import Any
from weakref import WeakSet

import orjson
from django.conf import settings
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import BadRequest, Error
from whitenoise.responders import SlicedFile

from assets.api.errors import MEDIA_TYPE, problem_body

THREADS = 16
CONNECTIONS, FILES = 1000, 4096  # a connection may hold two temporary files besides its socket
IN_MEMORY = 64 * 1024  # what is larger goes to a temporary file
SLOWEST = 16 * 1024  # bytes that a body must bring for each second that it takes
FRAMING = 8 * 1024  # of a line that says how long a chunk is, and of what follows the last one
STEP = 1024 * 1024  # how often it is asked whether there is still room
NEW_SECONDS = 0.2  # in which a connection makes no room for another: its request is on its way
STOP_SECONDS = 5  # for requests that are being answered


class Full(Error):
    code, reason = 503, "Service Unavailable"


class Request(HTTPRequestParser):
    """A request that is coming in. All bodies on their way, and those being read, have a bounded room together."""

    error: Error | None
    bodies: WeakSet[Request] = WeakSet()

    def parse_header(self, header_plus: bytes) -> None:
        """Refuse what a proxy before this server could take for another request, or for one that ends elsewhere."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError("The request is malformed.") from error
        if "TRANSFER_ENCODING" in self.headers:  # waitress reads it in HTTP/1.1 alone
            raise ParsingError("Transfer-Encoding belongs to HTTP/1.1.")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("A request has Content-Length or Transfer-Encoding, not both.")

    def received(self, data: bytes) -> int:
        steps = self.body_bytes_received // STEP
        taken = super().received(data)
        chunks = self.body_rcv
        if isinstance(chunks, ChunkedReceiver) and len(chunks.control_line) + len(chunks.trailer) > FRAMING:
            self.error = BadRequest("What is around the chunks is too long.")  # it is read anew with each packet
            self.completed = True
        if self.completed:
            self.expect_continue = False  # nothing more is waited for
        if self.body_bytes_received // STEP > steps and not self.error:
            self.bodies.add(self)
            if sum(body.body_bytes_received for body in self.bodies) > settings.DAM_INCOMING_BYTES:
                self.error, self.completed = Full("Too many uploads are on their way; try again in a moment."), True
        return taken


class Part:
    """The part of a file that WhiteNoise cuts out, as a file that can be sought in and stands where the part begins."""

    def __init__(self, cut: SlicedFile) -> None:
        inner = cut.fileobj
        self.read, self.seek, self.tell, self.seekable, self.close = (
            inner.read, inner.seek, inner.tell, inner.seekable, cut.close
        )  # fmt: skip


class Task(WSGITask):
    """An answer without a body for HEAD, and files that the server sends by itself while the thread goes on."""

    def get_environment(self) -> dict[str, Any]:
        environ = super().get_environment()
        wrapper = environ["wsgi.file_wrapper"]
        environ["wsgi.file_wrapper"] = lambda file, size: wrapper(
            Part(file) if isinstance(file, SlicedFile) else file, size
        )
        if self.request.command == "HEAD":
            del environ["wsgi.file_wrapper"]
        return environ

    def write(self, data: bytes) -> None:
        super().write(b"" if self.request.command == "HEAD" else data)

    def finish(self) -> None:
        self.chunked_response &= self.request.command != "HEAD"
        super().finish()


class Refusal(ErrorTask):
    """What is refused before Django sees it: a problem object for the API, a line of text for everybody else."""

    def execute(self) -> None:
        error = self.request.error
        body, kind = str(error.body).encode(), "text/plain; charset=utf-8"
        if getattr(self.request, "path", "").startswith("/api/"):
            body, kind = orjson.dumps(problem_body(error.code, str(error.body))), MEDIA_TYPE
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", kind))
        if error.code == Full.code:
            self.response_headers.append(("Retry-After", "10"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):
    """A connection, which is given up when nothing comes of it: see ``given_up_at``."""

    task_class, error_task_class, parser_class = Task, Refusal, Request
    parked = writing = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.due = self.creation_time + self.adj.channel_timeout  # when the request that is coming in has to be there

    def received(self, data: bytes) -> bool:
        before, brought = self.request, self.request.body_bytes_received if self.request else 0
        taken = super().received(data)
        latest = time.time() + self.adj.channel_timeout
        if self.request is not before:
            self.due = latest
        elif before is not None:  # what comes quickly earns no time to be slow in later
            self.due = min(latest, self.due + (before.body_bytes_received - brought) / SLOWEST)
        return taken

    def service(self) -> None:
        """Answer the next request, once the answers before it are fetched: no thread waits for who pipelines."""
        with self.requests_lock:
            self.parked = parked = self.total_outbufs_len > STEP
        if not parked:
            super().service()

    def handle_write(self) -> None:
        super().handle_write()
        with self.requests_lock:
            if self.parked and self.total_outbufs_len <= STEP:
                self.parked = False
                self.server.add_task(self)

    def write_soon(self, data: Any) -> int:
        self.writing = True
        try:
            return super().write_soon(data)
        finally:
            self.writing = False

    def _flush_outbufs_below_high_watermark(self) -> None:
        if self.writing:  # between answers it is ``service`` that looks
            super()._flush_outbufs_below_high_watermark()

    def given_up_at(self) -> float:
        """When the client has waited too long, if nothing more comes, or is fetched; never while it waits for us."""
        if self.total_outbufs_len or not (self.requests or self.request):
            return self.last_activity + self.adj.channel_timeout
        return math.inf if self.requests else self.due


class Server(TcpWSGIServer):
    """Gives connections up in time, and the one that has kept it waiting longest when there are too many."""

    channel_class = Channel
    next_look = 0.0

    def maintenance(self, now: float) -> None:
        """Nothing, because the next poll is being prepared, and what it accepts may be given a closed one's number."""

    def give_up(self, now: float) -> None:
        """Close what is to be given up; call it between two polls."""
        if now >= self.next_look:
            self.next_look = now + 1
            for channel in list(self.active_channels.values()):
                if now > channel.given_up_at():
                    channel.handle_close()
        if len(self._map) >= self.adj.connection_limit:
            known = (one for one in self.active_channels.values() if now - one.creation_time > NEW_SECONDS)
            last = min(known, key=Channel.given_up_at, default=None)
            if last and last.given_up_at() < math.inf:
                last.handle_close()


def serve(application: Any) -> None:
    """Listen on DAM_HOST and DAM_PORT until SIGTERM, then give what is being answered STOP_SECONDS to end."""
    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stop.append(number))
    adjustments = Adjustments(
        host=settings.DAM_HOST,
        port=settings.DAM_PORT,
        threads=THREADS,
        connection_limit=room_for_connections(),
        channel_timeout=settings.DAM_REQUEST_SECONDS,
        inbuf_overflow=IN_MEMORY,
        max_request_header_size=IN_MEMORY,
        max_request_body_size=settings.DAM_MAX_UPLOAD_BYTES + 2 * STEP,  # of each address: dam.middleware
        clear_untrusted_proxy_headers=False,  # settings say which of them Django believes
        log_socket_errors=False,
        ident="",
    )
    tempfile.tempdir = settings.FILE_UPLOAD_TEMP_DIR or tempfile.tempdir
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    threads = ThreadedTaskDispatcher()
    sockets: dict[int, Any] = {}
    threads.set_thread_count(adjustments.threads)
    servers = [
        Server(application, sockets, dispatcher=threads, adj=adjustments, sockinfo=address)
        for address in adjustments.listen
    ]
    while not stop:
        for server in servers:
            server.give_up(time.time())
        wasyncore.poll2(0.2, sockets)  # a signal does not end it
    for server in servers:
        server.accepting = False
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and any(
        channel.requests or channel.total_outbufs_len
        for server in servers
        for channel in server.active_channels.values()
    ):
        wasyncore.poll2(0.1, sockets)


def room_for_connections() -> int:
    """Raise the limit of open files as far as is needed and possible; return how many connections fit in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return CONNECTIONS if soft == resource.RLIM_INFINITY else min(CONNECTIONS, soft // 4)
