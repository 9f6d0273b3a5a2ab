"""Requests as large as they may be: others are answered meanwhile, by the same process and by the same decoders."""

import asyncio
import base64
import json
import random
import threading
import time
from typing import Any

import pytest
from PIL import Image

from search.service import bodies
from search.service.batching import Full
from search.service.bodies import TooLarge
from search.service.protocols import pictures
from tests.support import coroutines

LARGEST = 60 * 1024 * 1024


def values_in(value: Any) -> int:
    """Count the commas, brackets and braces of JSON."""
    if not isinstance(value, list | dict):
        return 0
    children = value.values() if isinstance(value, dict) else value
    return 1 + max(0, len(value) - 1) + sum(map(values_in, children))


def made(rng: random.Random, depth: int = 3) -> Any:
    match rng.randrange(4 if depth else 2):
        case 0:
            return "".join(rng.choices('",[{\\: a雪\n', k=rng.randrange(8)))
        case 1:
            return rng.choice([1, -2.5, None, True])
        case 2:
            return [made(rng, depth - 1) for _ in range(rng.randrange(5))]
        case _:
            return {str(made(rng, 0)): made(rng, depth - 1) for _ in range(rng.randrange(5))}


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
def test_values_are_counted_outside_of_strings_however_the_body_is_cut(monkeypatch, piece):
    monkeypatch.setattr(bodies, "PIECE", piece)
    rng = random.Random(piece)
    for _ in range(200):
        value = made(rng)
        body, count = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode(), values_in(value)
        assert not bodies._has_more_values(body, count), body
        assert count == 0 or bodies._has_more_values(body, count - 1), body


def test_base64_is_decoded_the_same_in_pieces(monkeypatch):
    monkeypatch.setattr(pictures, "PIECE", 8)
    for length in range(40):
        data = random.Random(length).randbytes(length)
        text = base64.b64encode(data).decode()
        assert pictures.from_base64(f" {text[:5]}\n{text[5:]} ", "") == data
    for wrong in ("QQ==QQ==", "QUFBQQ==QUFBQUFB", "QQ=", "QQ", "=QQQ", "QQ!=", "雪", "QUFBQUFB\0"):
        with pytest.raises(bodies.BadRequest):
            pictures.from_base64(wrong, "")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"texts": [' + b'"a",' * (LARGEST // 4) + b'"a"]}', 413),
        (b'{"texts": ["' + b"a" * LARGEST + b'"]}', 413),
        (b'{"texts": [' + b"[]," * (LARGEST // 3) + b"1]}", 413),
    ],
    ids=["millions of texts", "one text", "millions of lists"],
)
def test_others_are_answered_while_a_large_request_is_read(shared_encoder, content, status):
    answers = []
    large = threading.Thread(
        target=lambda: answers.append(shared_encoder.http.post("/encode/texts", content=content, timeout=60))
    )
    large.start()
    slowest, asked = 0.0, 0
    while large.is_alive() or not asked:
        started = time.monotonic()
        assert shared_encoder.http.get("/livez", timeout=30).status_code == 200
        slowest, asked = max(slowest, time.monotonic() - started), asked + 1
    large.join()
    assert answers[0].status_code == status
    assert slowest < 1


def test_a_large_body_with_few_values_is_read(monkeypatch):
    texts = ["x" * 500, 'a "quoted" text, with commas'] * 100
    body = json.dumps({"texts": texts}).encode()
    monkeypatch.setattr(bodies, "SMALL", len(body) - 1)
    assert coroutines.run(bodies.json_body(body)) == {"texts": texts}
    monkeypatch.setattr(bodies, "MAX_VALUES", 100)
    with pytest.raises(TooLarge, match="more than 100 values"):
        coroutines.run(bodies.json_body(body))


def test_one_request_of_many_pictures_lets_those_of_others_through(monkeypatch):
    decoded: list[str] = []
    may_go_on = threading.Semaphore(0)

    def decode(self: Any, file: bytes, side: int) -> Image.Image:
        assert may_go_on.acquire(timeout=20)
        decoded.append(file.decode())
        return Image.new("RGB", (2, 2))

    monkeypatch.setattr(pictures._Decoder, "_decode", decode)

    async def main() -> None:
        decoder = pictures._Decoder()
        at_once = decoder._sandbox.limits.processes
        many = asyncio.ensure_future(decoder.decode([b"many"] * pictures.ROOM, 8))
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await decoder.decode([b"too many"] * 2, 8)
        lone = asyncio.ensure_future(decoder.decode([b"lone"], 8))
        await asyncio.sleep(0)
        may_go_on.release(2 * at_once)
        await lone
        assert not many.done()
        assert decoded.index("lone") <= at_once
        may_go_on.release(pictures.ROOM)
        assert len(await many) == pictures.ROOM

    coroutines.run(main())
