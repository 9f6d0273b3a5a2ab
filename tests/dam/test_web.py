"""The web server for real: who sends slowly or reads slowly keeps nobody else waiting, and is given up in time."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import ROOT, environment, wait_until

HALF_SENT = (
    b"POST /api/v1/search/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    b"Content-Length: 100000\r\n\r\n--x\r\n"
)
CHUNKED = b"POST /api/v1/search/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAMS = """
import dam.wsgi, pathlib, sys, time
from dam.web import serve
folder = pathlib.Path(sys.argv[1])
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    yield b"first"
    while not (folder / "go").exists():
        time.sleep(0.02)
    yield b"second"
serve(application)
"""
FEW_FILES = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))
runpy.run_module("dam.wsgi", run_name="__main__")
"""


class Server:
    def __init__(self, port: int, process: subprocess.Popen) -> None:
        self.port, self.process = port, process

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def assert_prompt(self) -> None:
        started = time.monotonic()
        assert self.ask("GET", "/livez") == (200, b"ok")
        assert self.ask("GET", "/api/v1/assets/")[0] == 200
        assert time.monotonic() - started < 2


@contextmanager
def running(folder: Path, command: list[str], **settings: str) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    known = {"DAM_HOST": "127.0.0.1", "DAM_PORT": str(port), "DAM_PUBLIC_READ": "1", "DAM_WARM_UP": ""}
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment(folder, **known, **settings), stdout=log, stderr=log
        )
    server = Server(port, process)

    def listens() -> bool:
        assert process.poll() is None, (folder / "web.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens, "the web server to listen")
        yield server
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def serve(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start the web server on the test's database and files, with settings."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(running(tmp_path, ["-m", "dam.wsgi"], **settings))


def ended(connection: socket.socket) -> bool:
    connection.settimeout(20)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def test_a_hundred_half_sent_bodies_keep_nobody_waiting_and_are_given_up(serve):
    server = serve(DAM_REQUEST_SECONDS="3")
    with ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(100)]
        for connection in slow:
            connection.sendall(HALF_SENT)
        server.assert_prompt()
        assert all(map(ended, slow))


def test_a_body_that_drips_is_given_up_too(serve):
    server = serve(DAM_REQUEST_SECONDS="1")
    with server.connect() as connection:
        connection.sendall(HALF_SENT)
        connection.settimeout(0.1)

        def given_up() -> bool:
            try:
                connection.sendall(b"-")
                return connection.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        wait_until(given_up, "the connection to be given up", seconds=20)


def test_a_body_that_began_quickly_earns_no_time_to_stand_still_in(serve):
    server = serve(DAM_REQUEST_SECONDS="1")
    with server.connect() as connection:
        connection.sendall(HALF_SENT.replace(b"100000", b"10000000") + bytes(2 * 2**20))
        assert ended(connection)


@pytest.mark.parametrize("endless", [b"5;name=", b"0\r\nName: "], ids=["size of a chunk", "trailer"])
def test_what_is_around_chunks_is_bounded(serve, endless):
    with serve().connect() as connection:
        connection.sendall(CHUNKED + endless)
        assert_refused(connection, b"x" * 2**16)


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /livez HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /livez HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /livez HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
    ],
    ids=["two lengths", "chunks of HTTP/1.0", "length of 5,000 digits", "no address"],
)
def test_a_request_that_others_may_read_otherwise_is_refused(serve, request_):
    with serve().connect() as connection:
        assert_refused(connection, request_)


def assert_refused(connection: socket.socket, data: bytes) -> None:
    connection.sendall(data)
    answer = b""
    with suppress(ConnectionResetError):  # what was not read of a request resets the connection
        while part := connection.recv(65536):
            answer += part
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert answer.count(b" Bad Request\r\n") == 1


def test_nobody_is_told_to_continue_where_nothing_more_is_wanted(serve):
    server = serve(DAM_MAX_UPLOAD_MB="1")
    for start, status in ((b"GET /livez HTTP/1.1\r\n", b"200"), (HALF_SENT.split(b"Content-Length")[0], b"413")):
        with server.connect() as connection:
            length = b"Content-Length: 100000000\r\n" if status == b"413" else b"Host: localhost\r\n"
            connection.sendall(start + length + b"Expect: 100-continue\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 " + status


def test_readers_who_do_not_read_on_hold_no_thread_and_others_get_their_bytes(serve, make_asset, picture):
    data = picture() + os.urandom(24 * 2**20)
    asset = make_asset(data=data)
    server = serve()
    path = f"/assets/{asset.pk}/original/"
    with ExitStack() as stack:
        for _reader in range(20):
            connection = stack.enter_context(server.connect())
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1-\r\n\r\n".encode())
            assert connection.recv(12) == b"HTTP/1.1 206"
        server.assert_prompt()
        assert server.ask("GET", path) == (200, data)
        assert server.ask("GET", path, Range="bytes=100-20000099") == (206, data[100:20_000_100])


def test_nor_does_who_asks_on_without_reading(serve, make_asset, picture):
    """Each of its answers is sent in the end, in order; a thread does not wait for that."""
    data = picture() + os.urandom(9 * 2**20)
    asset = make_asset(data=data)
    server = serve()
    asked = f"GET /assets/{asset.pk}/original/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    last = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with ExitStack() as stack:
        greedy = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in greedy:
            connection.sendall(asked * 4 + last)
            assert connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"
        server.assert_prompt()
        for connection in greedy[10:]:  # whose answers nobody fetches
            connection.close()
        with greedy[0].makefile("rb") as answers:
            parts = answers.read().split(data)
        assert [part[:12] for part in parts] == [b"HTTP/1.1 200"] * 5
        assert parts[-1].endswith(b"\r\n\r\nok")
        server.assert_prompt()


def test_more_connections_than_there_is_room_for_push_out_those_that_wait(transactional_db, tmp_path):
    with running(tmp_path, ["-c", FEW_FILES], DAM_REQUEST_SECONDS="60") as server, ExitStack() as stack:
        for _connection in range(100):
            stack.enter_context(server.connect()).sendall(b"GET / HTTP/1.1\r\n")
        server.assert_prompt()


def test_nor_do_readers_who_do_not_read_on_fill_that_room(transactional_db, tmp_path, make_asset, picture):
    asset = make_asset(data=picture() + os.urandom(24 * 2**20))
    path = f"/assets/{asset.pk}/original/"
    with running(tmp_path, ["-c", FEW_FILES], DAM_REQUEST_SECONDS="60") as server, ExitStack() as stack:
        for _reader in range(60):
            connection = stack.enter_context(server.connect())
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        server.assert_prompt()


def test_head_has_the_headers_and_no_body(serve):
    connection = HTTPConnection("127.0.0.1", serve().port, timeout=20)
    for path in ("/api/v1/assets/", "/livez"):
        connection.request("HEAD", path)
        head = connection.getresponse()
        head.read()
        connection.request("GET", path)  # on the same connection: what a body would have left there is no answer
        answer = connection.getresponse()
        assert (head.status, answer.status) == (200, 200)
        assert int(head.headers["Content-Length"]) == len(answer.read())


def test_what_is_too_large_is_refused_before_it_comes_in(serve):
    server = serve(DAM_MAX_UPLOAD_MB="1")
    with server.connect() as connection:
        connection.sendall(HALF_SENT.replace(b"100000", b"100000000"))
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == 413


def test_bodies_on_their_way_take_a_bounded_room_together(serve):
    server = serve(DAM_INCOMING_MB="3")
    large = HALF_SENT.replace(b"100000", b"10000000") + bytes(2 * 2**20)
    with server.connect() as first, server.connect() as second:
        first.sendall(large)
        second.sendall(large)
        wait_until(lambda: any(starts_with(one, b"HTTP/1.1 503 ") for one in (first, second)), "a refusal")
        server.assert_prompt()
        assert server.ask("POST", "/api/v1/search/", b"{}", **{"Content-Type": "application/json"})[0] < 500


def starts_with(connection: socket.socket, expected: bytes) -> bool:
    connection.settimeout(0.1)
    try:
        return connection.recv(len(expected), socket.MSG_PEEK) == expected
    except TimeoutError:
        return False


def test_a_stream_is_sent_as_it_comes_and_ends_before_the_server_does(transactional_db, tmp_path):
    with running(tmp_path, ["-c", STREAMS, str(tmp_path)]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.read(5) == b"first"
        server.process.terminate()
        threading.Timer(0.3, (tmp_path / "go").touch).start()
        assert answer.read() == b"second"
        assert server.process.wait(10) == 0
