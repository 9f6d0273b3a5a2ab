"""What the protocols share: names of models, vectors as JSON."""

import re
from typing import Any

import orjson
from starlette.responses import Response

from search.service.bodies import BadRequest
from search.service.service import Service

LONGEST_NAME = 255


def model_of(service: Service, name: Any) -> str:
    """Return the served model that a client means: by its name, or by its architecture alone; without one, the first.

    Clients write ViT-B/32, ViT-B-32 and ViT-B-32::openai; ours is ViT-B-32/openai. What is not found stays as it is,
    and the service refuses it.
    """
    if not name:
        return service.default
    if not isinstance(name, str):
        raise BadRequest("The name of the model is no text.")
    if len(name) > LONGEST_NAME:
        raise BadRequest(f"The name of a model has at most {LONGEST_NAME} characters.")
    for spelling in (_plain, lambda served: _plain(re.split("[/:]", served)[0])):
        for served in service.served:
            if spelling(served) == _plain(name):
                return served
    return name


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower())


def answer(content: Any, status: int = 200) -> Response:
    """Return JSON; arrays of numpy are lists, with as many digits as float32 has."""
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")
