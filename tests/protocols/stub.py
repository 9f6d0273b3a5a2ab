"""A service of somebody else's on a real socket, which answers as a test tells it to: well at first."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIMENSIONS = 6


@dataclass
class Answer:
    """What goes over the wire: ``body`` is JSON unless it is bytes; ``missing`` bytes are promised and never sent."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0


def vector_of(thing: str) -> list[float]:
    """Return numbers that belong to this text (or this picture, as base64), not of length 1."""
    return [byte / 16 - 8 + 0.01 for byte in hashlib.sha256(thing.encode()).digest()[:DIMENSIONS]]


def openai(request: dict[str, Any]) -> list[list[float]]:
    return [vector_of(text) for text in request["input"]]


@dataclass
class Stub:
    """``answers`` are given first, one a request; then every request gets what ``vectors`` makes of it.

    ``hang`` keeps requests unanswered. ``asked`` is what came: (path, headers, JSON).
    """

    url: str = ""
    vectors: Callable[[dict[str, Any]], list[Any]] = openai
    wrap: Callable[[list[Any]], Any] = lambda vectors: {
        "data": [{"embedding": vector, "index": number} for number, vector in enumerate(vectors)]
    }
    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    hang: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def respond(self, request: dict[str, Any]) -> Answer:
        return self.answers.pop(0) if self.answers else Answer(self.wrap(self.vectors(request)))


@contextmanager
def running() -> Iterator[Stub]:
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.asked.append((self.path, dict(self.headers), request))
            if stub.hang:
                stub.ended.wait()
                return
            answer = stub.respond(request)
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in ({"Content-Type": "application/json"} | answer.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + answer.missing))
            self.end_headers()
            self.wfile.write(body)
            if answer.missing:
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        stub.ended.set()
        server.shutdown()
        server.server_close()
