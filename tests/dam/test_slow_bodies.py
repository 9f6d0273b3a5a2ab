"""A body that does not come in time is given up, and no thread of the web server waits for it."""

import io
import threading
import time
from collections.abc import Iterator

import pytest

from dam import bodies
from dam.bodies import Body, TooSlow, within_time


class Stalling(io.BytesIO):
    """Gives what it has, and then nothing until it is let go."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.let_go = threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        return data or (self.let_go.wait(20) and b"") or b""


@pytest.fixture
def stalling(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stalling]:
    monkeypatch.setattr(bodies, "IDLE_SECONDS", 0.05)
    stream = Stalling(b"half")
    yield stream
    stream.let_go.set()


def test_what_comes_is_read_as_it_is():
    body = Body(io.BytesIO(b"one line\nand more"))
    assert (body.readline(), body.read(3), body.read(100), body.read(1)) == (b"one line\n", b"and", b" more", b"")
    body.close()


def test_what_does_not_come_is_given_up_and_not_waited_for_again(stalling: Stalling):
    body = Body(stalling)
    assert body.read(4) == b"half"
    for _again in range(2):
        started = time.monotonic()
        with pytest.raises(TooSlow):
            body.read(4)
        assert time.monotonic() - started < 5


def test_a_body_that_drips_is_given_up_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bodies, "SECONDS", 0.0)
    monkeypatch.setattr(bodies, "BYTES_PER_SECOND", 1e9)
    with pytest.raises(TooSlow):
        Body(Stalling(b"")).read(1)


def test_a_request_without_a_body_has_no_thread():
    stream, seen = io.BytesIO(), []

    def application(environ, start_response):
        seen.append(environ["wsgi.input"])
        return []

    within_time(application)({"CONTENT_LENGTH": "0", "wsgi.input": stream}, None)
    within_time(application)({"CONTENT_LENGTH": "5", "wsgi.input": stream}, None)
    assert seen[0] is stream
    assert isinstance(seen[1], Body)


def test_an_error_of_the_stream_is_an_error_of_the_reader():
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        Body(Broken()).read(1)
