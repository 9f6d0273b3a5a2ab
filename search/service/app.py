"""The encoder process over HTTP: our own four addresses, and those of other people's protocols.

A protocol is a list of routes made by ``answering``. Its handlers take the service, the request and its body; what the
service raises becomes an answer here, so that no handler catches anything.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from search.encoders import ModelUnavailable, Unsupported
from search.service.batching import Full
from search.service.bodies import BadRequest, TooLarge, json_body, texts_of
from search.service.service import Loading, NotServed, Service

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024 * 1024
MAX_HELD = 512 * 1024 * 1024  # of all bodies that are being read or answered
BODY_SECONDS = 30  # in which a body has to be here
MAX_PICTURES = 128

Handler = Callable[[Service, Request, bytes], Awaitable[Response]]


def answering(
    path: str,
    handler: Handler,
    methods: tuple[str, ...] = ("POST",),
    token_in_body: Callable[[bytes], str | None] | None = None,
    wording: Callable[[int, str], dict[str, Any]] = lambda status, message: {"error": message},
) -> Route:
    """Return a route whose ``handler`` is called with (service, request, body).

    The token is taken from where ``_in_head`` looks, or by ``token_in_body`` where a protocol has it there. Errors of
    the service and BadRequest become JSON answers, made by ``wording`` from status and message. When the client goes
    away the handler is cancelled.
    """

    def _error(status: int, error: object, headers: dict[str, str] | None = None) -> Response:
        return JSONResponse(wording(status, str(error)), status, headers)

    def _wrong_token() -> Response:
        return _error(401, "The token is missing or wrong.", {"WWW-Authenticate": "Bearer"})

    async def endpoint(request: Request) -> Response:
        body = b""
        try:
            in_head = _is_token(request, *_in_head(request))
            if not in_head and token_in_body is None:
                return _wrong_token()
            body = await _body(request)
            if not in_head and token_in_body is not None and not _is_token(request, token_in_body(body)):
                return _wrong_token()
            return await _while_connected(request, handler(request.app.state.service, request, body))
        except BadRequest as error:
            return _error(error.status, error)
        except NotServed as error:
            return _error(404, error)
        except Unsupported as error:
            return _error(400, error)
        except Full as error:
            return _error(503, error, {"Retry-After": str(error.retry_after)})
        except Loading as error:
            return _error(503, error, {"Retry-After": "1"})
        except ModelUnavailable as error:
            return _error(503, error)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it
        finally:
            request.app.state.held -= len(body)

    return Route(path, endpoint, methods=list(methods))


async def encode_texts(service: Service, request: Request, body: bytes) -> Response:
    """``{"texts": [...]}`` → float32 of shape (n, dimensions), little endian, row by row.

    With ``"described": true`` they are descriptions, to be found by texts.
    """
    asked = await json_body(body)
    encode = service.descriptions if asked.get("described") is True else service.texts
    return _vectors(await encode(_model(request), texts_of(asked.get("texts"))))


async def encode_pixels(service: Service, request: Request, body: bytes) -> Response:
    """Pixels as the model's transform made them, uint8 of shape (n, height, width, 3) → as for texts."""
    model = _model(request)
    held = await service.held(model)
    if not held.encoder.takes_pictures:
        raise Unsupported(f"{model} takes no pictures.")
    height, width = held.encoder.transform.size
    count, rest = divmod(len(body), height * width * 3)
    if rest or not count:
        raise BadRequest(f"{model} takes whole pictures of {height} × {width} × 3 bytes.")
    if count > MAX_PICTURES:
        raise TooLarge(f"{count} pictures are too many; send at most {MAX_PICTURES} at once.")
    return _vectors(await service.pixels(model, np.frombuffer(body, np.uint8).reshape(count, height, width, 3)))


async def describe(service: Service, request: Request, body: bytes) -> Response:
    return JSONResponse((await service.held(_model(request))).description())


async def health(service: Service, request: Request, body: bytes) -> Response:
    return JSONResponse({"status": "ok"} | service.health())


async def alive(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


ROUTES = [
    Route("/livez", alive),  # the one that asks for no token
    answering("/health", health, methods=("GET",)),
    answering("/model", describe, methods=("GET",)),
    answering("/encode/texts", encode_texts),
    answering("/encode/pixels", encode_pixels),
]


def make_app(service: Service, token: str, preload: list[str], protocols: Iterable[Route] = ()) -> Starlette:
    """Return the ASGI application; without a ``token`` everybody who reaches it may ask.

    ``protocols`` are the routes of other people's protocols.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        loading = asyncio.create_task(service.preload(preload))
        yield
        loading.cancel()

    app = Starlette(routes=[*ROUTES, *protocols], lifespan=lifespan)
    app.state.service, app.state.token, app.state.held = service, token, 0
    return app


async def _while_connected(request: Request, answer: Awaitable[Response]) -> Response:
    """Return the answer; when the client goes away before, cancel what makes it."""
    making = asyncio.ensure_future(answer)
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait((making, gone), return_when=asyncio.FIRST_COMPLETED)
        if not making.done():
            raise ClientDisconnect
        return await making
    finally:
        gone.cancel()
        making.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> bytes:
    body, state = bytearray(), request.app.state
    with suppress(ValueError):
        if int(request.headers.get("Content-Length", 0)) > MAX_BODY:
            raise TooLarge(f"A body may have at most {MAX_BODY} bytes.")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                state.held += len(chunk)
                if len(body) > MAX_BODY:
                    raise TooLarge(f"A body may have at most {MAX_BODY} bytes.")
                if state.held > MAX_HELD:
                    raise Full(1)
    except BaseException as error:
        state.held -= len(body)
        if isinstance(error, TimeoutError):
            raise BadRequest(f"The body was not here within {BODY_SECONDS} seconds.") from error
        raise
    return bytes(body)


def _in_head(request: Request) -> list[str | None]:
    """Where clients of the several protocols put their token: ``Authorization`` with and without ``Bearer``, …"""
    authorization = request.headers.get("Authorization", "")
    scheme, _space, token = authorization.partition(" ")
    return [
        token.strip() if scheme.lower() == "bearer" else authorization,
        request.headers.get("X-API-Key"),
        request.headers.get("X-Amz-Security-Token"),  # the one thing that a signed request says in clear
        request.query_params.get("api_key"),
    ]


def _is_token(request: Request, *offered: str | None) -> bool:
    token: str = request.app.state.token
    return not token or any(hmac.compare_digest(one.encode(), token.encode()) for one in offered if one is not None)


def _model(request: Request) -> str:
    return request.query_params.get("model") or request.app.state.service.default


def _vectors(vectors: np.ndarray) -> Response:
    return Response(vectors.astype("<f4", copy=False).tobytes(), media_type="application/octet-stream")
