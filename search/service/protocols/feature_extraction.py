"""Feature extraction: ``{"inputs": text or texts}`` → a vector or vectors, of length 1, one for each text.

The addresses are those of a SageMaker container (``/ping``, ``/invocations``), of SageMaker's runtime, which boto3 asks
(``/endpoints/NAME/invocations``), and of Hugging Face. A body that is a picture (``Content-Type: image/png``) is
embedded as one. The token is a bearer token or, of boto3, the session token.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from search.service.app import answering
from search.service.bodies import json_body, texts_of
from search.service.protocols import pictures
from search.service.protocols.common import answer, model_of
from search.service.service import Service

# SageMaker's names of what went wrong.
CODES = {503: "ServiceUnavailable", 500: "InternalFailure"}


async def extract(service: Service, request: Request, body: bytes) -> Response:
    model = model_of(service, request.path_params.get("model"))
    if request.headers.get("Content-Type", "").startswith("image/"):
        return answer((await pictures.vectors(service, model, [body]))[0])
    inputs = (await json_body(body)).get("inputs")
    if isinstance(inputs, str):
        return answer((await service.texts(model, texts_of([inputs])))[0])
    return answer(await service.texts(model, texts_of(inputs)))


async def ping(request: Request) -> Response:
    """Whether it may be asked, as a load balancer wants to know it; without a token, and without a word more."""
    service: Service = request.app.state.service
    return Response(status_code=200 if service.default in service.health()["models"] else 503)


def _sagemaker(status: int, message: str) -> dict[str, Any]:
    return {"code": CODES.get(status, "ValidationError"), "message": message}


ROUTES = [
    Route("/ping", ping),
    answering("/invocations", extract, wording=_sagemaker),
    answering("/endpoints/{model:path}/invocations", extract, wording=_sagemaker),
    answering("/pipeline/feature-extraction", extract),
    answering("/pipeline/feature-extraction/{model:path}", extract),
    answering("/models/{model:path}/pipeline/feature-extraction", extract),
    answering("/models/{model:path}", extract),
]
