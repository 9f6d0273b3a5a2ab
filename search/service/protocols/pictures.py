"""Pictures that arrive as files: decoded by the sandbox, in processes of their own with limits."""

import asyncio
import binascii
import re
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
from django.conf import settings
from PIL import Image

from assets import remote
from assets.imaging import Undecodable
from assets.imaging.sandbox import Limits, Sandbox
from search.encoders import Unsupported
from search.service.app import MAX_BODY, MAX_PICTURES
from search.service.batching import Full
from search.service.bodies import BadRequest, TooLarge
from search.service.service import Service

ROOM = 128  # pictures that may wait to be decoded, some 2 MB each when they are
ROOM_FOR_LONE = 32  # and so many more of those that come alone: somebody searches with each
MOST_BYTES = 20 * 1024 * 1024  # of one picture that is fetched
SECONDS_TO_FETCH = 10.0
MOST_FETCHED = 16  # of one request
PIECE = 1024 * 1024  # characters of base64 that are decoded at once

_DATA = re.compile(r"data:image/[a-z0-9.+-]+(;[a-z0-9=.+-]+)*,", re.IGNORECASE)


class _Decoder:
    """As many children as the limits allow, and a queue with an end; ``waiting`` counts pictures.

    A request has no more pictures in the queue than there are children, so that many of one request do not keep those
    of others waiting.
    """

    def __init__(self) -> None:
        limits = Limits(**settings.DAM_DECODER)
        self._sandbox = Sandbox(limits)
        self._threads = ThreadPoolExecutor(limits.processes, thread_name_prefix="decode")
        self.waiting = 0

    async def decode(self, files: Sequence[bytes], side: int) -> list[Image.Image]:
        if self.waiting + len(files) > ROOM + (ROOM_FOR_LONE if len(files) == 1 else 0):
            raise Full(retry_after=2)
        self.waiting += len(files)
        loop, turn = asyncio.get_running_loop(), asyncio.Semaphore(self._sandbox.limits.processes)

        async def decoded(file: bytes) -> Image.Image:
            async with turn:
                return await loop.run_in_executor(self._threads, self._decode, file, side)

        tasks = [asyncio.ensure_future(decoded(file)) for file in files]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            self.waiting -= len(files)

    def _decode(self, file: bytes, side: int) -> Image.Image:
        with tempfile.NamedTemporaryFile(prefix="encoder-") as copy:
            copy.write(file)
            copy.flush()
            decoded = self._sandbox.decode(Path(copy.name), presets={}, side=side, max_pixels=settings.DAM_MAX_PIXELS)
        return decoded.picture


@cache
def _decoder() -> _Decoder:
    return _Decoder()


async def vectors(service: Service, model: str, files: Sequence[bytes]) -> np.ndarray:
    """Return unit vectors of picture files, float32 of shape (n, dimensions); raise BadRequest for no picture."""
    if len(files) > MAX_PICTURES:
        raise TooLarge(f"{len(files)} pictures are too many; send at most {MAX_PICTURES} at once.")
    held = await service.held(model)
    if not held.encoder.takes_pictures:
        raise Unsupported(f"{model} takes no pictures.")
    side = 2 * max(held.encoder.transform.size)
    try:
        pictures = await _decoder().decode(files, side)
    except Undecodable as error:
        raise BadRequest(f"A picture cannot be decoded: {error}.") from error
    return await service.pictures(model, pictures)


def from_base64(text: Any, where: str) -> bytes:
    """Return the bytes of base64, with a data URI's head or without; ``where`` names it in a BadRequest."""
    if isinstance(text, str):
        head = _DATA.match(text)
        try:
            return _decoded((text[head.end() :] if head else text).encode("ascii"))
        except ValueError:
            pass
    raise BadRequest(f"{where} is no picture in base64.")


def _decoded(data: bytes) -> bytes:
    """Return what base64 stands for, made piece by piece, so that other threads have their turn; raise ValueError."""
    data = data.translate(None, b" \t\n\r\x0b\x0c")
    if 0 <= data.find(b"=") < len(data) - 2:
        raise ValueError("something follows the padding")
    pieces = (data[start : start + PIECE] for start in range(0, len(data), PIECE))
    return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in pieces)


async def from_uris(uris: Sequence[tuple[Any, str]]) -> list[bytes]:
    """Return the bytes behind (URI, where it stands): data URIs, and http(s) where DAM_ENCODER_FETCH allows it."""
    far = [uri for uri, _where in uris if isinstance(uri, str) and uri.startswith(("http://", "https://"))]
    if far and not settings.DAM_ENCODER_FETCH:
        raise BadRequest(
            "This encoder fetches nothing from the network: send the bytes of pictures (base64). Its operator can allow"
            " it with DAM_ENCODER_FETCH=1."
        )
    if len(far) > MOST_FETCHED:
        raise TooLarge(f"{len(far)} addresses are too many; send at most {MOST_FETCHED} at once.")
    files, room = [], MAX_BODY
    for uri, where in uris:
        if uri in far:
            file = await _fetched(uri, where, min(room, MOST_BYTES))
            room -= len(file)
        else:
            file = await asyncio.to_thread(_from_data_uri, uri, where)
        files.append(file)
    return files


async def _fetched(uri: str, where: str, most_bytes: int) -> bytes:
    try:
        return await asyncio.to_thread(remote.fetch, uri, most_bytes=most_bytes, seconds=SECONDS_TO_FETCH)
    except remote.Refused as error:
        raise BadRequest(f"{where}: {error}") from error


def _from_data_uri(uri: Any, where: str) -> bytes:
    head = _DATA.match(uri) if isinstance(uri, str) else None
    if head is None:
        raise BadRequest(f"{where} is no address of a picture: data:image/…, or http(s).")
    if head.group().lower().endswith(";base64,"):
        return from_base64(uri, where)
    return unquote_to_bytes(uri[head.end() :])
