"""A stand-in for a language model, for trying out questions without one: ``python -m demo.llm --port 8099``.

It is no model. It speaks the two protocols (Anthropic's Messages, OpenAI's chat completions, streamed or not), sees no
picture, and answers from the words of the titles, descriptions and tags that it was sent.
"""

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_LIBRARY_TEXT = re.compile(r"<library_text>(.*?)</library_text>", re.DOTALL)
_NUMBER = re.compile(r"Picture (\d+):")
_COMMON = """
    a an and any are at by can do does has have how in is it many me of on or picture pictures see show shows that the
    there this to were what where which who with you
"""
COMMON = frozenset(_COMMON.split())


@dataclass
class Request:
    """What a server of either protocol is asked: texts and pictures (base64 of JPEG) in their order."""

    model: str
    system: str
    texts: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> dict[int, dict[str, Any]]:
        """What the library says of each picture, by its number; of one without a number, by 0."""
        found = {}
        for text in self.texts:
            if written := _LIBRARY_TEXT.search(text):
                number = _NUMBER.search(text)
                found[int(number[1]) if number else 0] = json.loads(written[1])
        return found

    @property
    def question(self) -> str:
        return self.texts[-1].removeprefix("The question:\n")


Answer = Callable[[Request], str]


def answer(request: Request) -> str:
    """Answer as the stand-in does: with what the titles say, of the pictures whose words the question has."""
    said = request.said
    if 0 in said:
        words = said[0]["title"].rsplit(".", 1)[0]
        tags = ", ".join(said[0]["tags"])
        alt = f"Stand-in, no model: {words}" + (f" ({tags})" if tags else "")
        return json.dumps({"alt": alt, "caption": words, "language": "en"}, ensure_ascii=False)
    asked = _words(request.question) - COMMON
    having = {
        number: _words(" ".join([one["title"], one["description"], *one["tags"]])) for number, one in said.items()
    }
    shared = {number: len(asked & words) for number, words in having.items()}
    best = max(shared.values(), default=0)
    found = [number for number, count in shared.items() if count == best and best]
    statements = [{"text": f"{said[number]['title']}.", "pictures": [number]} for number in found]
    if not found:
        statements = [{"text": "No title has a word of the question.", "pictures": []}]
    return json.dumps({"statements": statements}, ensure_ascii=False)


class Handler(BaseHTTPRequestHandler):
    """Speaks both protocols for the server's ``answer``."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        anthropic = self.path.endswith("/messages")
        request = _of_messages(body) if anthropic else _of_chat(body)
        self.server.requests.append(request)
        self.respond(request, body, anthropic=anthropic)

    def respond(self, request: Request, body: dict[str, Any], *, anthropic: bool) -> None:
        text = self.server.answer(request)
        tokens = sum(len(one) // 4 for one in request.texts) + 700 * len(request.pictures), len(text) // 4
        if not body.get("stream"):
            self.send("application/json", json.dumps((_message if anthropic else _completion)(text, tokens)).encode())
            return
        self.begin("text/event-stream")
        for event in (_message_events if anthropic else _chat_events)(text, tokens):
            self.chunk(event.encode())
            time.sleep(self.server.pause)
        self.chunk(b"")

    def send(self, kind: str, data: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def begin(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *args: Any) -> None:
        """Be silent."""


class Server(ThreadingHTTPServer):
    """Answers at ``url`` with what ``answer`` says, a piece in each ``pause`` seconds; keeps the ``requests``."""

    daemon_threads = True

    def __init__(
        self, port: int = 0, answer: Answer = answer, pause: float = 0, handler: type[Handler] = Handler
    ) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.answer, self.pause = answer, pause
        self.requests: list[Request] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be silent: whoever asked has gone."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def pieces(text: str) -> Iterator[str]:
    size = max(12, len(text) // 50)
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _of_messages(body: dict[str, Any]) -> Request:
    request = Request(body["model"], body.get("system", ""), body=body)
    for block in body["messages"][0]["content"]:
        if block["type"] == "text":
            request.texts.append(block["text"])
        else:
            request.pictures.append(block["source"]["data"])
    return request


def _of_chat(body: dict[str, Any]) -> Request:
    system, user = body["messages"]
    request = Request(body["model"], system["content"], body=body)
    for part in user["content"]:
        if part["type"] == "text":
            request.texts.append(part["text"])
        else:
            request.pictures.append(part["image_url"]["url"].partition("base64,")[2])
    return request


def _message(text: str, tokens: tuple[int, int]) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "stand-in", "stop_reason": "end_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": text}],
        "usage": {"input_tokens": tokens[0], "output_tokens": tokens[1]},
    }  # fmt: skip


def _message_events(text: str, tokens: tuple[int, int], stop: str = "end_turn") -> Iterator[str]:
    def event(kind: str, **fields: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"

    empty = _message("", tokens) | {"content": [], "stop_reason": None}
    yield event("message_start", message=empty | {"usage": {"input_tokens": tokens[0], "output_tokens": 1}})
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield event("ping")
    for piece in pieces(text):
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield event("content_block_stop", index=0)
    delta = {"stop_reason": stop, "stop_sequence": None}
    yield event("message_delta", delta=delta, usage={"output_tokens": tokens[1]})
    yield event("message_stop")


def _completion(text: str, tokens: tuple[int, int]) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return _chat({"object": "chat.completion", "usage": _usage(tokens)}, message=message, finish_reason="stop")


def _chat_events(text: str, tokens: tuple[int, int], stop: str = "stop") -> Iterator[str]:
    def event(value: dict[str, Any]) -> str:
        return f"data: {json.dumps(value)}\n\n"

    kind = {"object": "chat.completion.chunk"}
    yield event(_chat(kind, delta={"role": "assistant", "content": ""}, finish_reason=None))
    for piece in pieces(text):
        yield event(_chat(kind, delta={"content": piece}, finish_reason=None))
    yield event(_chat(kind, delta={}, finish_reason=stop))
    yield event(_chat(kind | {"usage": _usage(tokens)}) | {"choices": []})
    yield "data: [DONE]\n\n"


def _chat(fields: dict[str, Any], **choice: Any) -> dict[str, Any]:
    return {"id": "chat-1", "created": 0, "model": "stand-in", "choices": [{"index": 0, **choice}], **fields}


def _usage(tokens: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between the pieces of an answer")
    options = parser.parse_args()
    server = Server(options.port, pause=options.pause)
    print(f"A stand-in, no model: {server.url} (Messages), {server.url}/v1 (OpenAI)", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
