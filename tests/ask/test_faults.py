"""What a service may do wrong: each a sentence and a status, never a 500, and always a row in the books."""

import gzip
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict

from assets.models import Asset
from demo.llm import Handler, Request, Server, _chat_events, _message_events, answer
from search.ask.asking import Question, ask
from search.models import Ask
from tests.ask.conftest import PROVIDERS

pytestmark = pytest.mark.django_db


class Faulty(Handler):
    """Does to each request what the server's ``fault`` says."""

    def respond(self, request: Request, body: dict[str, Any], *, anthropic: bool) -> None:
        self.server.fault(self, request, anthropic)  # type: ignore[attr-defined]

    def events(self, request: Request, anthropic: bool, text: str | None = None, stop: str = "") -> list[str]:
        text = answer(request) if text is None else text
        if anthropic:
            return list(_message_events(text, (100, 10), stop or "end_turn"))
        return list(_chat_events(text, (100, 10), stop or "stop"))

    def stream(self, events: list[str], *, end: bool = True) -> None:
        self.begin("text/event-stream")
        for event in events:
            self.chunk(event.encode())
        if end:
            self.chunk(b"")
        else:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


Fault = Callable[[Faulty, Request, bool], None]


@pytest.fixture
def faulty(serve: Any, shown: Callable[..., Asset], ask_at: Any) -> Callable[..., Server]:
    """Serve a fault, and have a truck in the library."""

    def make(fault: Fault, provider: str) -> Server:
        server = Server(handler=Faulty)
        server.fault = fault  # type: ignore[attr-defined]
        shown(title="Truck")
        ask_at(serve(server).url, provider)
        return server

    return make


def error(status: int, message: str = "said by the service", kind: str = "some_error", **headers: str) -> Fault:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    return lambda handler, request, anthropic: handler.send("application/json", body, status, **headers)


def sends(kind: str, data: bytes) -> Fault:
    return lambda handler, request, anthropic: handler.send(kind, data)


def hangs(handler: Faulty, request: Request, anthropic: bool) -> None:
    time.sleep(3)


def falls_silent(handler: Faulty, request: Request, anthropic: bool) -> None:
    handler.begin("text/event-stream")
    for event in handler.events(request, anthropic)[:5]:
        handler.chunk(event.encode())
    time.sleep(3)


def drips(handler: Faulty, request: Request, anthropic: bool) -> None:
    handler.begin("text/event-stream")
    for event in handler.events(request, anthropic, "x" * 2000):
        handler.chunk(event.encode())
        time.sleep(0.05)


def drips_bytes(data: bytes) -> Fault:
    """Send these bytes again and again, forever."""

    def fault(handler: Faulty, request: Request, anthropic: bool) -> None:
        handler.begin("text/event-stream")
        with suppress(OSError):
            while True:
                handler.chunk(data)
                time.sleep(0.02)

    return fault


def drips_headers(handler: Faulty, request: Request, anthropic: bool) -> None:
    with suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.02)


def drips_an_error(handler: Faulty, request: Request, anthropic: bool) -> None:
    with suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.02)


def never_ends(handler: Faulty, request: Request, anthropic: bool) -> None:
    handler.begin("text/event-stream")
    with suppress(OSError):
        for _mega in range(100):
            handler.chunk(b"x" * 1_000_000)
    handler.close_connection = True


def swells(handler: Faulty, request: Request, anthropic: bool) -> None:
    handler.send("text/event-stream", gzip.compress(bytes(9_000_000)), Content_Encoding="gzip")


def repeats_the_key(handler: Faulty, request: Request, anthropic: bool) -> None:
    error(400, f"no: {dict(handler.headers)}")(handler, request, anthropic)


def says_no_text(handler: Faulty, request: Request, anthropic: bool) -> None:
    events = handler.events(request, anthropic, "TEXT")
    handler.stream([event.replace('"TEXT"', '["T", "E"]') for event in events])


def half(handler: Faulty, request: Request, anthropic: bool) -> None:
    handler.stream(handler.events(request, anthropic)[:-3], end=False)


def half_that_ends_well(handler: Faulty, request: Request, anthropic: bool) -> None:
    handler.stream(handler.events(request, anthropic)[:-3])


def declines(handler: Faulty, request: Request, anthropic: bool) -> None:
    stop = "refusal" if anthropic else "content_filter"
    handler.stream(handler.events(request, anthropic, "", stop))


def cut_at_once(handler: Faulty, request: Request, anthropic: bool) -> None:
    handler.stream(handler.events(request, anthropic, '{"statements": [{"te', "max_tokens" if anthropic else "length"))


def says(text: str) -> Fault:
    return lambda handler, request, anthropic: handler.stream(handler.events(request, anthropic, text))


def fails_within(kind: str) -> Fault:
    def fault(handler: Faulty, request: Request, anthropic: bool) -> None:
        events = handler.events(request, anthropic)[:4]
        body = {"type": "error", "error": {"type": kind, "message": "said by the service"}}
        name = "event: error\n" if anthropic else ""
        handler.stream([*events, f"{name}data: {json.dumps(body)}\n\n"])

    return fault


def closes(handler: Faulty, request: Request, anthropic: bool) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def calls_a_tool(handler: Faulty, request: Request, anthropic: bool) -> None:
    events = handler.events(request, anthropic, "", "tool_use" if anthropic else "tool_calls")
    handler.stream(events)


FAULTS: dict[str, tuple[Fault, int, str, str]] = {
    "429": (error(429, Retry_After="17"), 503, "overloaded", "said by the service"),
    "429 without a time": (error(429), 503, "overloaded", "takes no more requests"),
    "429 with a strange time": (error(429, Retry_After="soon"), 503, "overloaded", "takes no more requests"),
    "503": (error(503), 503, "overloaded", "too much to do"),
    "529": (error(529), 503, "overloaded", "too much to do"),
    "500": (error(500), 502, "unreachable", "failed: said by the service"),
    "500 of a proxy": (sends("text/html", b"<html>Bad gateway</html>"), 502, "broken_off", "broke off"),
    "401": (error(401), 502, "not_accepted", "refuses the key"),
    "403": (error(403), 502, "not_accepted", "refuses the key"),
    "404": (error(404), 502, "not_accepted", "is not known"),
    "400": (error(400), 502, "not_accepted", "said by the service"),
    "413": (error(413, "x" * 5000), 502, "not_accepted", "did not accept"),
    "a redirect": (error(307, Location="http://127.0.0.1:9/"), 502, "not_accepted", "sends requests elsewhere"),
    "hangs": (hangs, 504, "timeout", "within 0.5 seconds"),
    "falls silent": (falls_silent, 504, "timeout", "within 0.5 seconds"),
    "drips": (drips, 504, "timeout", "within 0.5 seconds"),
    "drips halves of a line": (drips_bytes(b"x"), 504, "timeout", "within 0.5 seconds"),
    "drips comments": (drips_bytes(b": ping\n\n"), 504, "timeout", "within 0.5 seconds"),
    "drips headers": (drips_headers, 504, "timeout", "within 0.5 seconds"),
    "drips an error": (drips_an_error, 504, "timeout", "within 0.5 seconds"),
    "never ends": (never_ends, 502, "unreadable", "longer"),
    "swells": (swells, 502, "unreadable", "compressed"),
    "repeats the key": (repeats_the_key, 502, "not_accepted", "did not accept"),
    "an error with a NUL": (error(400, "no\0 \ud800good"), 502, "not_accepted", "no good"),
    "no text": (says_no_text, 502, "unreadable", "form"),
    "half": (half, 502, "broken_off", "broke off"),
    "half, ended well": (half_that_ends_well, 502, "broken_off", "broke off"),
    "closes": (closes, 502, "unreachable", "cannot be reached"),
    "declines": (declines, 422, "declined", "declined"),
    "cut at once": (cut_at_once, 502, "broken_off", "DAM_LLM_MAX_TOKENS"),
    "prose": (says("Certainly! Here is what I see."), 502, "unreadable", "form"),
    "another object": (says('{"answer": "yes"}'), 502, "unreadable", "form"),
    "statements of another kind": (says('{"statements": [1, 2]}'), 502, "unreadable", "form"),
    "no statements": (says('{"statements": []}'), 502, "unreadable", "form"),
    "nested deeply": (says("[" * 30_000), 502, "unreadable", "form"),
    "endless": (says('{"statements": [{"text": "' + "x" * 50_000), 502, "unreadable", "longer"),
    "empty": (says(""), 502, "unreadable", "form"),
    "an error within": (fails_within("api_error"), 502, "broken_off", "said by the service"),
    "overloaded within": (fails_within("overloaded_error"), 0, "", "said by the service"),
    "JSON without a stream": (sends("application/json", b'{"a": 1}'), 502, "broken_off", "broke off"),
    "garbage in a stream": (sends("text/event-stream", b"data: {]\n\n" * 3), 502, "", ""),
    "another event": (sends("text/event-stream", b"event: message_start\ndata: [1]\n\n"), 502, "", ""),
    "binary": (sends("image/png", bytes(range(256)) * 9), 502, "", ""),
    "a tool": (calls_a_tool, 502, "broken_off", "broke off"),
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_a_sentence_and_a_row(
    name: str, provider: str, faulty: Callable[..., Server], post: Any, settings: Any
) -> None:
    fault, status, code, words = FAULTS[name]
    if status == 504:
        settings.DAM_LLM_SECONDS = 0.5
    server = faulty(fault, provider)
    response = post()
    said = response.json()
    assert response.status_code in ({status} if status else {502, 503}), said
    assert response["Content-Type"] == "application/problem+json"
    assert words in said["detail"]
    assert said["code"] == (code or said["code"])
    assert len(said["detail"]) < 400
    assert "a-secret-key" not in response.content.decode()
    assert len(server.requests) == 1  # nothing is tried again
    row = Ask.objects.get()
    assert row.outcome == (Ask.Outcome.DECLINED if code == "declined" else Ask.Outcome.FAILED)
    assert row.problem == said["detail"]
    if status == 503:
        assert response["Retry-After"] == ("17" if name == "429" else "30")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", [hangs, falls_silent, drips])
def test_a_slow_service_is_given_up_after_its_time(
    fault: Fault, provider: str, faulty: Callable[..., Server], post: Any, settings: Any
) -> None:
    settings.DAM_LLM_SECONDS = 0.5
    faulty(fault, provider)
    post("The SDK is loaded by this one.")
    began = time.monotonic()
    assert post().status_code == 504
    assert time.monotonic() - began < 2.5  # the service takes three seconds and more


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_that_breaks_off_ends_its_events_with_an_error(
    provider: str, faulty: Callable[..., Server], post: Any
) -> None:
    faulty(half, provider)
    response = post(stream=True)
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode()
    assert text.count("event: statement") == 1
    last = text.strip().split("\n\n")[-1]
    assert last.startswith("event: error\n")
    assert json.loads(last.split("data: ")[1])["code"] == "broken_off"
    assert Ask.objects.get().outcome == Ask.Outcome.FAILED


@pytest.mark.parametrize("provider", PROVIDERS)
def test_of_an_answer_that_reaches_the_most_tokens_the_whole_statements_are_kept(
    provider: str, faulty: Callable[..., Server], post: Any
) -> None:
    text = '{"statements": [{"text": "One truck.", "pictures": [1]}, {"text": "And the se'

    def fault(handler: Faulty, request: Request, anthropic: bool) -> None:
        handler.stream(handler.events(request, anthropic, text, "max_tokens" if anthropic else "length"))

    faulty(fault, provider)
    said = post().json()
    assert [statement["text"] for statement in said["statements"]] == ["One truck."]
    assert said["complete"] is False


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("count", ['"<b>many</b>"', "-1", "NaN", "1.5", "1" + 30 * "0", '{"a": 1}'])
def test_what_is_no_count_of_tokens_is_none(
    count: str, provider: str, faulty: Callable[..., Server], post: Any, shown: Any
) -> None:
    def fault(handler: Faulty, request: Request, anthropic: bool) -> None:
        handler.stream([event.replace(": 100", f": {count}") for event in handler.events(request, anthropic)])

    faulty(fault, provider)
    assert post().json()["tokens"] == {"in": None, "out": 10}
    assert Ask.objects.get().tokens_in is None


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fence", ["```json\n%s\n```", "%s", "\n %s \n"])
def test_an_answer_in_a_fence_is_read_too(fence: str, provider: str, faulty: Callable[..., Server], post: Any) -> None:
    faulty(says(fence % '{"statements": [{"pictures": [1], "text": "A truck."}]}'), provider)
    assert post().json()["answer"] == "A truck. [1]"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_where_nobody_listens_that_is_said(provider: str, shown: Callable[..., Asset], ask_at: Any, post: Any) -> None:
    shown(title="Truck")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    ask_at(url, provider)
    response = post()
    assert response.status_code == 502
    assert "cannot be reached" in response.json()["detail"]
    row = Ask.objects.get()
    assert (row.tokens_in, row.tokens_out) == (0, 0)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate that nobody has signed."""
    path = tmp_path / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", path, "-out", tmp_path / "crt.pem"], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (tmp_path / "crt.pem").read_bytes())
    return path


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_certificate_that_nobody_trusts_is_said(
    provider: str, certificate: Path, shown: Callable[..., Asset], ask_at: Any, post: Any, serve: Any
) -> None:
    server = Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    shown(title="Truck")
    ask_at(serve(server).url.replace("http:", "https:"), provider)
    response = post()
    assert response.status_code == 502
    assert "certificate" in response.json()["detail"]
    assert server.requests == []


def test_who_leaves_ends_the_request_and_the_reservation_stands(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, user: User, settings: Any
) -> None:
    settings.DAM_LLM_AT_ONCE = 1
    ask_at(serve(Server(pause=0.01)).url)
    shown(title="Truck")
    question = Question.parse(QueryDict("question=Truck?&q=truck&mode=keyword"))
    events = ask(question, user)
    next(events)
    events.close()
    row = Ask.objects.get()
    assert row.outcome == Ask.Outcome.ABANDONED
    assert row.tokens_in is None
    assert Ask.objects.all().spent()["tokens"] == row.reserved
    assert [type(event).__name__ for event in ask(question, user)] == ["Begun", "Statement", "Done"]


def test_as_many_questions_as_set_are_answered_at_once(
    shown: Callable[..., Asset], serve: Any, ask_at: Any, user: User, post: Any, settings: Any
) -> None:
    settings.DAM_LLM_AT_ONCE = 2
    ask_at(serve(Server()).url)
    shown(title="Truck")
    question = Question.parse(QueryDict("question=Truck?&q=truck&mode=keyword"))
    running = [ask(question, user), ask(question, user)]
    for events in running:
        next(events)
    busy = post()
    assert busy.status_code == 503
    assert (busy.json()["code"], busy["Retry-After"]) == ("busy", "5")
    for events in running:
        list(events)
    assert post().status_code == 200
