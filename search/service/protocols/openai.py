"""OpenAI's embeddings: ``POST /v1/embeddings`` and ``GET /v1/models``."""

import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from search.service.app import answering
from search.service.bodies import BadRequest, json_body, texts_of
from search.service.protocols.common import answer, model_of
from search.service.service import Service

# OpenAI's names of what went wrong: type and code.
ERRORS = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    503: ("server_error", "overloaded"),
}


async def embeddings(service: Service, request: Request, body: bytes) -> Response:
    asked = await json_body(body)
    model, texts = model_of(service, asked.get("model")), asked.get("input")
    if not isinstance(texts, str) and not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
        raise BadRequest("input has to be a text or a list of texts; tokens are not taken.")
    if (form := asked.get("encoding_format") or "float") not in ("float", "base64"):
        raise BadRequest("encoding_format has to be float or base64.")
    vectors = await service.texts(model, texts_of([texts] if isinstance(texts, str) else texts))
    if (dimensions := asked.get("dimensions")) not in (None, vectors.shape[1]):
        raise BadRequest(f"{model} gives {vectors.shape[1]} dimensions, and not {str(dimensions)[:20]}.")
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode() if form == "base64" else vector,
        }
        for index, vector in enumerate(vectors)
    ]
    return answer({"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": 0, "total_tokens": 0}})


async def models(service: Service, request: Request, body: bytes) -> Response:
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "django-dam"} for name in service.served]
    return answer({"object": "list", "data": [model for model in data if model["id"] != "*"]})


def _wording(status: int, message: str) -> dict[str, Any]:
    kind, code = ERRORS.get(status, ("invalid_request_error", None))
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


ROUTES = [
    answering("/v1/embeddings", embeddings, wording=_wording),
    answering("/v1/models", models, methods=("GET",), wording=_wording),
]
