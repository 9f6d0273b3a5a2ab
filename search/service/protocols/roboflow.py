"""Roboflow inference's CLIP, as inference-sdk asks it: ``POST /clip/embed_text``, ``embed_image`` and ``compare``.

The token is the ``api_key`` of the body or of the address. ``clip_version_id`` names the model.
"""

import asyncio
import re
import time
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from search.service.app import answering
from search.service.bodies import BadRequest, json_body, texts_of
from search.service.protocols import pictures
from search.service.protocols.common import answer, model_of
from search.service.service import Service


async def embed_text(service: Service, request: Request, body: bytes) -> Response:
    start, asked = time.perf_counter(), await json_body(body)
    found = await _vectors(service, asked, asked.get("text"), "text", "text")
    return answer({"embeddings": found} | _frame(start))


async def embed_image(service: Service, request: Request, body: bytes) -> Response:
    start, asked = time.perf_counter(), await json_body(body)
    found = await _vectors(service, asked, asked.get("image"), "image", "image")
    return answer({"embeddings": found} | _frame(start))


async def compare(service: Service, request: Request, body: bytes) -> Response:
    """The cosines of a subject and prompts: a list, or by name where the prompts have names."""
    start, asked = time.perf_counter(), await json_body(body)
    subject_type, prompt_type = asked.get("subject_type", "image"), asked.get("prompt_type", "text")
    if isinstance(asked.get("subject"), list) and len(asked["subject"]) != 1:
        raise BadRequest("subject has to be one text or one picture.")
    subject = (await _vectors(service, asked, asked.get("subject"), subject_type, "subject"))[0]
    prompt = asked.get("prompt")
    named = prompt if isinstance(prompt, dict) and prompt and not _is_picture(prompt) else None
    prompts = await _vectors(service, asked, list(named.values()) if named else prompt, prompt_type, "prompt")
    similarity = [float(cosine) for cosine in prompts @ subject]
    by_name = dict(zip(named, similarity, strict=True)) if named else similarity
    return answer({"similarity": by_name, "parent_id": None} | _frame(start))


async def _vectors(service: Service, asked: dict[str, Any], items: Any, kind: Any, where: str) -> np.ndarray:
    """Return unit vectors of one or many texts, or pictures, by what ``kind`` says of them."""
    model = model_of(service, asked.get("clip_version_id"))
    items = items if isinstance(items, list) else [items]
    if kind == "text":
        return await service.texts(model, texts_of(items))
    if kind != "image":
        raise BadRequest(f"{where}_type is {str(kind)[:60]!r}; it has to be text or image.")
    if not items:
        raise BadRequest(f"{where} is an empty list.")
    for item in items:
        _refuse_other(item, where)
    fetched = iter(await pictures.from_uris([(item["value"], where) for item in items if item["type"] == "url"]))
    files = [
        next(fetched) if item["type"] == "url" else await asyncio.to_thread(pictures.from_base64, item["value"], where)
        for item in items
    ]
    return await pictures.vectors(service, model, files)


def _refuse_other(item: Any, where: str) -> None:
    if not _is_picture(item):
        raise BadRequest(f'{where} is no picture: send {{"type": "base64", "value": "…"}}.')
    if item["type"] not in ("base64", "url"):
        raise BadRequest(f"{where} is of the type {str(item['type'])[:60]!r}; it has to be base64 or url.")


def _is_picture(item: Any) -> bool:
    return isinstance(item, dict) and set(item) >= {"type", "value"}


def _frame(start: float) -> dict[str, Any]:
    return {"time": time.perf_counter() - start, "frame_id": None}


_KEY = re.compile(rb'"api_key"\s{0,9}:\s{0,9}"([^"\\]{1,1000})"')


def _key(body: bytes) -> str | None:
    """Found without parsing: what a stranger sends may be made to take long."""
    found = _KEY.search(body)
    return found[1].decode("utf-8", "replace") if found else None


def _wording(status: int, message: str) -> dict[str, Any]:
    return {"message": message}


ROUTES = [
    answering(path, handler, token_in_body=_key, wording=_wording)
    for path, handler in (
        ("/clip/embed_text", embed_text),
        ("/clip/embed_image", embed_image),
        ("/clip/compare", compare),
    )
]
