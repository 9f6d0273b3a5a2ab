"""CLIP-as-service over HTTP, as clip-client 0.8 and curl ask it: ``POST /post``.

``{"data": [{"text"} | {"blob": base64} | {"uri"}], "execEndpoint": "/"}`` → the documents with their ``embedding``; at
``/rank`` also their ``matches``, the most alike first, with scores. The model is what follows in the endpoint
(``/encode/MODEL``), or ``parameters.model_name``.
"""

import asyncio
import uuid
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from search.service.app import answering
from search.service.bodies import MAX_TEXTS, BadRequest, TooLarge, json_body, texts_of
from search.service.protocols import pictures
from search.service.protocols.common import answer, model_of
from search.service.service import Service

# What comes back of a document as it came; pictures do not travel back.
KEPT = ("parent_id", "granularity", "adjacency", "mime_type", "text", "weight", "uri", "tags", "modality")
EMPTY = ("blob", "tensor", "offset", "location", "embedding", "evaluations", "scores", "chunks", "matches")
# By how much CLIP scales cosines before the softmax.
SCALE = 100.0

Document = dict[str, Any]


async def post(service: Service, request: Request, body: bytes) -> Response:
    asked = await json_body(body)
    endpoint, name = _endpoint(asked)
    model = model_of(service, name)
    documents = _documents(asked.get("data"), "data")
    ranked = endpoint == "rank"
    below = [
        _documents(document.get("matches"), f"data[{number}].matches") if ranked else []
        for number, document in enumerate(documents)
    ]
    if ranked and not all(below):
        raise BadRequest("Every document that is ranked needs matches.")
    everything = [*documents, *(match for matches in below for match in matches)]
    if len(everything) > MAX_TEXTS:
        raise TooLarge(f"{len(everything)} documents are too many; send at most {MAX_TEXTS} at once.")
    found = iter(await _vectors(service, model, everything))
    data = [_answered(document, next(found)) for document in documents]
    for document, matches in zip(data, below, strict=True):
        if matches:
            document["matches"] = _ranked(document, [_answered(match, next(found)) for match in matches])
    header = {"requestId": _id_of(asked), "status": None, "execEndpoint": f"/{endpoint}", "targetExecutor": ""}
    return answer({"header": header, "parameters": {}, "routes": [], "data": data})


def _endpoint(asked: dict[str, Any]) -> tuple[str, Any]:
    """Return which endpoint is meant (``encode`` or ``rank``), and the model's name where one is given."""
    path = asked.get("execEndpoint") or asked.get("exec_endpoint") or "/"
    endpoint, _slash, name = str(path).strip("/").partition("/")
    if endpoint not in ("", "encode", "rank"):
        raise BadRequest(f"There is no endpoint {str(path)[:60]!r}; there are /, /encode and /rank.")
    parameters = asked.get("parameters")
    return endpoint, name or (parameters.get("model_name") if isinstance(parameters, dict) else None)


def _documents(value: Any, where: str) -> list[Document]:
    if isinstance(value, dict) and "docs" in value:
        value = value["docs"]
    if not isinstance(value, list) or not value or not all(isinstance(document, dict) for document in value):
        raise BadRequest(f"{where} is no list of documents, of one at least.")
    for number, document in enumerate(value):
        if document.get("tensor") is not None:
            raise BadRequest(f"{where}[{number}].tensor is not taken: send a picture's file as blob.")
    return value


async def _vectors(service: Service, model: str, documents: list[Document]) -> list[np.ndarray | None]:
    """Return the unit vector of each document; None where it has neither text nor picture."""
    kinds = [next((key for key in ("blob", "uri", "text") if document.get(key)), "") for document in documents]
    found: list[np.ndarray | None] = [None] * len(documents)
    at = {key: [number for number, kind in enumerate(kinds) if kind == key] for key in ("blob", "uri", "text")}
    files = [
        await asyncio.to_thread(pictures.from_base64, documents[number]["blob"], f"The blob of document {number}")
        for number in at["blob"]
    ]
    files += await pictures.from_uris([(documents[n]["uri"], f"The uri of document {n}") for n in at["uri"]])
    if files:
        for number, vector in zip(at["blob"] + at["uri"], await pictures.vectors(service, model, files), strict=True):
            found[number] = vector
    if at["text"]:
        texts = texts_of([documents[number]["text"] for number in at["text"]])
        for number, vector in zip(at["text"], await service.texts(model, texts), strict=True):
            found[number] = vector
    return found


def _answered(document: Document, vector: np.ndarray | None) -> Document:
    kept = {key: document.get(key) for key in KEPT} | dict.fromkeys(EMPTY)
    if str(kept["uri"]).startswith("data:"):
        kept["uri"] = None
    return {"id": _id_of(document)} | kept | {"embedding": vector}


def _ranked(document: Document, matches: list[Document]) -> list[Document]:
    if document["embedding"] is None or any(match["embedding"] is None for match in matches):
        raise BadRequest("What is ranked needs a text or a picture, and so do its matches.")
    cosines = np.array([float(document["embedding"] @ match["embedding"]) for match in matches])
    shares = np.exp(SCALE * (cosines - cosines.max()))
    shares /= shares.sum()
    for match, cosine, share in zip(matches, cosines, shares, strict=True):
        match["scores"] = {
            "clip_score": {"value": float(share), "op_name": "softmax"},
            "clip_score_cosine": {"value": float(cosine), "op_name": "cosine"},
        }
    return [matches[number] for number in np.argsort(-cosines, kind="stable")]


def _id_of(document: Document) -> str:
    known = document.get("id")
    return known if isinstance(known, str) and known else uuid.uuid4().hex


def _wording(status: int, message: str) -> dict[str, Any]:
    return {"header": {"status": {"code": "ERROR", "description": message}}, "data": None}


ROUTES = [answering("/post", post, wording=_wording)]
