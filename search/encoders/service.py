"""Our own models, asked of the process that holds them (``manage.py encoder``). No torch here."""

import logging
import threading
import time
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import httpx2
import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image

from search.encoders import ModelUnavailable, Unsupported, of_unit_length
from search.encoders.transform import Transform

logger = logging.getLogger(__name__)

TEXTS = 64  # of one request
PICTURES = 32
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 60.0  # of one request, whatever DAM_ENCODER_SECONDS allows for a call
# How long nobody asks a process that did not answer in time: one request hangs, and not each of them.
REST_SECONDS = 5.0
LEARNED_SECONDS = 30.0  # how long it counts what the process said of a model
DESCRIBED = ("dimensions", "takes_pictures", "takes_text", "transform")


class ServiceEncoder:
    """A model of the encoder process: pictures are scaled here, and only what the model looks at travels.

    Making one asks nothing. Whatever asks waits ``DAM_ENCODER_SECONDS`` at most, its turn included, and raises
    ModelUnavailable when the process is not there, does not answer, is full, cannot have the model, or has another one
    under the name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._learned: tuple[float, dict[str, Any]] = float("-inf"), {}

    @property
    def dimensions(self) -> int:
        return self._description["dimensions"]

    @property
    def takes_pictures(self) -> bool:
        return self._description["takes_pictures"]

    @property
    def takes_text(self) -> bool:
        return self._description["takes_text"]

    @property
    def transform(self) -> Transform:
        if not self.takes_pictures:
            raise Unsupported(f"{self.name} takes no pictures.")
        return self._description["transform"]

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Return unit vectors of RGB pictures, float32 of shape (n, dimensions)."""
        transform = self.transform
        parts = [images[start : start + PICTURES] for start in range(0, len(images), PICTURES)]
        return self._joined([self.encode_pixels(transform.stack(part)) for part in parts])

    def encode_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Return unit vectors of what ``transform`` made, uint8 of shape (n, height, width, 3): float32 as above."""
        return self._vectors("pixels", len(pixels), content=pixels.tobytes())

    def encode_text(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors of texts, float32 of shape (n, dimensions)."""
        return self._texts(texts, described=False)

    def encode_descriptions(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors of what texts are to find, as above."""
        return self._texts(texts, described=True)

    def _texts(self, texts: list[str], *, described: bool) -> np.ndarray:
        if not self.takes_text:
            raise Unsupported(f"{self.name} takes no text.")
        parts = [texts[start : start + TEXTS] for start in range(0, len(texts), TEXTS)]
        return self._joined(
            [self._vectors("texts", len(part), json={"texts": part, "described": described}) for part in parts]
        )

    @property
    def _description(self) -> dict[str, Any]:
        """What the process says of the model."""
        if time.monotonic() - self._learned[0] > LEARNED_SECONDS:
            answer = _process().ask("GET", f"/model?{urlencode({'model': self.name})}")
            try:
                description = answer.json()
                if description["takes_pictures"]:
                    description["transform"] = Transform.from_dict(description["transform"])
                self._learned = time.monotonic(), {name: description[name] for name in DESCRIBED}
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ModelUnavailable(_("What answers at DAM_ENCODER_URL is no encoder of this version.")) from error
        return self._learned[1]

    def _vectors(self, what: str, count: int, **body: Any) -> np.ndarray:
        dimensions = self.dimensions
        response = _process().ask("POST", f"/encode/{what}?{urlencode({'model': self.name})}", **body)
        if len(response.content) != 4 * count * dimensions:
            raise ModelUnavailable(_("The encoder has another model under the name %s now.") % self.name)
        vectors = np.frombuffer(response.content, "<f4").reshape(count, dimensions).copy()
        if not of_unit_length(vectors):
            raise ModelUnavailable(_("The encoder answered with what is no vector of %s.") % self.name)
        return vectors

    def _joined(self, parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(parts) if parts else np.empty((0, self.dimensions), np.float32)


class _Process:
    """A pool of connections to the encoder process."""

    def __init__(self, url: str, token: str) -> None:
        path = url.removeprefix("unix:") if url.startswith("unix:") else None
        self._url = url
        self._client = httpx2.Client(
            base_url="http://encoder" if path else url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            transport=httpx2.HTTPTransport(uds=path, verify=url.startswith("https:")),
        )
        self._resting_until = 0.0

    def ask(self, method: str, path: str, **body: Any) -> httpx2.Response:
        """Return the answer of the process, waiting for its turn while there is time; raise ModelUnavailable."""
        deadline = time.monotonic() + settings.DAM_ENCODER_SECONDS
        if time.monotonic() < self._resting_until:
            raise ModelUnavailable(_("The encoder does not answer; try again in a moment."))
        while True:
            response = self._send(method, path, deadline - time.monotonic(), **body)
            pause = response.headers.get("Retry-After", "")  # a proxy's may be a date; ours is in seconds
            if response.status_code != 503 or not pause.isdecimal() or time.monotonic() + int(pause) >= deadline:
                break
            time.sleep(int(pause))
        if response.is_success:
            return response
        raise ModelUnavailable(self._words(response))

    def _send(self, method: str, path: str, seconds: float, **body: Any) -> httpx2.Response:
        try:
            timeout = httpx2.Timeout(min(max(seconds, 0.1), ANSWER_SECONDS), connect=CONNECT_SECONDS)
            return self._client.request(method, path, timeout=timeout, **body)
        except httpx2.TimeoutException as error:
            logger.error("The encoder at %s does not answer: %r", self._url, error)
            self._resting_until = time.monotonic() + REST_SECONDS
            raise ModelUnavailable(_("The encoder does not answer; try again in a moment.")) from error
        except httpx2.RequestError as error:
            logger.error("The encoder at %s is not there: %r", self._url, error)
            raise ModelUnavailable(_("The encoder is not running; try again in a moment.")) from error

    def _words(self, response: httpx2.Response) -> str:
        logger.error("The encoder at %s answered %s: %s", self._url, response.status_code, response.text[:500])
        try:
            return str(response.json()["error"])
        except (ValueError, TypeError, KeyError):
            return _("The encoder answered with status %d.") % response.status_code


@lru_cache(maxsize=1)
def _connected(url: str, token: str) -> _Process:
    return _Process(url, token)


def _process() -> _Process:
    with _connecting:
        return _connected(settings.DAM_ENCODER_URL, settings.DAM_ENCODER_TOKEN)


_connecting = threading.Lock()
