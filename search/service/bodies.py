"""What stands in a request's body: a JSON object, and texts in it."""

import asyncio
from typing import Any

import orjson

MAX_TEXTS = 256  # of one request
MAX_TEXT = 10_000  # characters; models read some 77 tokens
MAX_VALUES = 50_000  # of a JSON body: no request within the other limits has as many
SMALL = 64 * 1024  # bytes of a body that takes no time to read
PIECE = 256 * 1024  # bytes that are looked through at once


class BadRequest(Exception):
    """The request cannot be answered as it is; the message says why."""

    status = 400


class TooLarge(BadRequest):
    status = 413


async def json_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object that was sent; raise BadRequest when it is none.

    A large one is read in a thread, and not before its values were counted: to make millions of objects takes seconds,
    in which no other thread runs.
    """
    return _parsed(body) if len(body) <= SMALL else await asyncio.to_thread(_parsed, body)


def _parsed(body: bytes) -> dict[str, Any]:
    if len(body) > SMALL and _has_more_values(body, MAX_VALUES):
        raise TooLarge(f"The body has more than {MAX_VALUES} values; send at most {MAX_TEXTS} texts at once.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is no JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BadRequest("The body is no JSON object.")
    return value


def _has_more_values(body: bytes, most: int) -> bool:
    """Whether JSON has more values than that; looked through piece by piece, so that other threads have their turn."""
    values, within, rest = 0, False, b""  # within a string
    for start in range(0, len(body), PIECE):
        piece = rest + body[start : start + PIECE]
        piece = piece.replace(rb"\\", b"__").replace(rb"\"", b"__")  # what is left of quotes begins or ends a string
        rest = piece[-1:] if piece.endswith(b"\\") else b""
        parts = piece[: len(piece) - len(rest)].split(b'"')
        values += sum(part.count(sign) for part in parts[within::2] for sign in (b",", b"[", b"{"))
        within ^= len(parts) % 2 == 0
        if values > most:
            return True
    return False


def texts_of(value: Any) -> list[str]:
    """Return ``value`` if it is a list of texts within the limits; else raise BadRequest."""
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise BadRequest("Send a list of texts, of one at least.")
    if len(value) > MAX_TEXTS:
        raise TooLarge(f"{len(value)} texts are too many; send at most {MAX_TEXTS} at once.")
    if max(map(len, value)) > MAX_TEXT:
        raise TooLarge(f"A text may have at most {MAX_TEXT} characters.")
    return value
