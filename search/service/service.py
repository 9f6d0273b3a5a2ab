"""The models that the encoder process holds, and what may be asked of them."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image

from search.encoders import ELSEWHERE, ModelUnavailable, Unsupported, encode_descriptions, load
from search.service.batching import Batcher, Lane, Part

logger = logging.getLogger(__name__)

MOST_MODELS = 4  # held at once; the one that was not used for longest makes room
ROOM_FOR_TEXTS = 1024  # texts of one model that may wait
ROOM_FOR_PICTURES = 256
CACHED_TEXTS = 10_000
LOADING_SECONDS = 2  # how long a request waits for a model that is being loaded
FAILED_SECONDS = 10  # how long a model that could not be loaded is not tried again
FAILED_KEPT = 50


class NotServed(Exception):
    """This process may not hold the model; the message says which it may."""


class Loading(Exception):
    """The model is being loaded; it answers in a moment."""


class Held:
    """A loaded model and its queue."""

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder
        self.texts = Lane(self._encode_texts, ROOM_FOR_TEXTS)
        self.lone_pictures = Lane(self._encode_pixels, ROOM_FOR_PICTURES)  # somebody searches with it
        self.pictures = Lane(self._encode_pixels, ROOM_FOR_PICTURES)
        self.descriptions = Lane(self._encode_descriptions, ROOM_FOR_TEXTS)
        self.batcher = Batcher([self.texts, self.lone_pictures, self.pictures, self.descriptions])

    def _encode_texts(self, parts: list[Part]) -> np.ndarray:
        return self.encoder.encode_text(list(chain.from_iterable(part.items for part in parts)))

    def _encode_descriptions(self, parts: list[Part]) -> np.ndarray:
        return encode_descriptions(self.encoder, list(chain.from_iterable(part.items for part in parts)))

    def _encode_pixels(self, parts: list[Part]) -> np.ndarray:
        return self.encoder.encode_pixels(np.concatenate([part.items for part in parts]))

    def description(self) -> dict[str, Any]:
        encoder = self.encoder
        return {
            "name": encoder.name,
            "dimensions": encoder.dimensions,
            "takes_pictures": encoder.takes_pictures,
            "takes_text": encoder.takes_text,
            "transform": encoder.transform.as_dict() if encoder.takes_pictures else None,
        }

    def health(self) -> dict[str, Any]:
        lanes = {"texts": [self.texts, self.descriptions], "pictures": [self.lone_pictures, self.pictures]}
        return {
            "dimensions": self.encoder.dimensions,
            "dtype": str(getattr(self.encoder, "dtype", "")),
            "waiting": {kind: sum(lane.waiting for lane in of) for kind, of in lanes.items()},
            "encoded": {kind: sum(lane.encoded for lane in of) for kind, of in lanes.items()},
            "forward_passes": {kind: sum(lane.passes for lane in of) for kind, of in lanes.items()},
        }


class Service:
    """What every protocol asks: vectors of texts, pictures and pixels, by the name of the model.

    Each raises NotServed, Loading, ``batching.Full``, ``encoders.ModelUnavailable`` and ``encoders.Unsupported``.
    ``served`` are the names that may be asked for, the first of them being meant by whoever names none; ``"*"`` among
    them allows any name of our own families, and with it to read files and to download weights.
    """

    def __init__(self, served: Iterable[str]) -> None:
        self.served = list(dict.fromkeys(served))
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._loading: dict[str, asyncio.Task[Held]] = {}
        self._failed: dict[str, tuple[float, ModelUnavailable]] = {}
        self._vectors: OrderedDict[tuple[str, str], np.ndarray] = OrderedDict()

    @property
    def default(self) -> str:
        """The model of those who name none."""
        return self.served[0]

    async def texts(self, model: str, texts: list[str]) -> np.ndarray:
        """Return unit vectors of texts, float32 of shape (n, dimensions)."""
        held = await self._held_for_texts(model)
        known = {text: vector for text in texts if (vector := self._vectors.get((model, text))) is not None}
        if missing := [text for text in dict.fromkeys(texts) if text not in known]:
            known |= zip(missing, await held.batcher.submit(held.texts, missing), strict=True)
        for text, vector in known.items():
            self._vectors[model, text] = vector
            self._vectors.move_to_end((model, text))
        while len(self._vectors) > CACHED_TEXTS:
            self._vectors.popitem(last=False)
        return np.stack([known[text] for text in texts])

    async def descriptions(self, model: str, texts: list[str]) -> np.ndarray:
        """Return unit vectors of what texts are to find, as above; none is remembered."""
        held = await self._held_for_texts(model)
        return await held.batcher.submit(held.descriptions, texts)

    async def pixels(self, model: str, pixels: np.ndarray) -> np.ndarray:
        """Return unit vectors of what the model's ``transform`` made, uint8 of shape (n, height, width, 3)."""
        held = await self.held(model)
        if not held.encoder.takes_pictures:
            raise Unsupported(f"{model} takes no pictures.")
        return await held.batcher.submit(held.lone_pictures if len(pixels) == 1 else held.pictures, pixels)

    async def pictures(self, model: str, pictures: list[Image.Image]) -> np.ndarray:
        """Return unit vectors of RGB pictures."""
        held = await self.held(model)
        if not held.encoder.takes_pictures:
            raise Unsupported(f"{model} takes no pictures.")
        return await self.pixels(model, await asyncio.to_thread(held.encoder.transform.stack, pictures))

    async def held(self, model: str) -> Held:
        """Return the model, loaded if need be; raise Loading when that takes longer than a moment."""
        if model in self._held:
            self._held.move_to_end(model)
            return self._held[model]
        self._may_serve(model)
        if model not in self._loading:
            self._raise_recent_failure(model)
            loading = self._loading[model] = asyncio.create_task(self._load(model))
            loading.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may be waiting for it
        try:
            return await asyncio.wait_for(asyncio.shield(self._loading[model]), LOADING_SECONDS)
        except TimeoutError:
            raise Loading(f"{model} is being loaded; try again in a moment.") from None

    async def _held_for_texts(self, model: str) -> Held:
        held = await self.held(model)
        if not held.encoder.takes_text:
            raise Unsupported(f"{model} takes no text.")
        return held

    async def preload(self, models: Iterable[str]) -> None:
        """Load models before anybody asks."""
        for model in models:
            with suppress(Loading, ModelUnavailable, NotServed):  # the log says why, and whoever asks is told
                await self.held(model)

    def health(self) -> dict[str, Any]:
        return {
            "models": {name: held.health() for name, held in self._held.items()},
            "loading": sorted(self._loading),
            "unavailable": {name: str(error) for name, (_when, error) in self._failed.items()},
            "cached_texts": len(self._vectors),
        }

    def _may_serve(self, model: str) -> None:
        if len(model) > 255:
            raise NotServed("No model has a name as long as this.")
        elsewhere = model.partition(":")[0] in ELSEWHERE
        if elsewhere or not (model in self.served or "*" in self.served):
            raise NotServed(
                f"This encoder does not serve {model!r}; it serves {', '.join(self.served)}. Its operator adds models"
                " with --model or DAM_ENCODER_MODELS."
            )

    def _raise_recent_failure(self, model: str) -> None:
        when, error = self._failed.get(model, (0.0, None))
        if error is not None and time.monotonic() - when < FAILED_SECONDS:
            raise error

    async def _load(self, model: str) -> Held:
        started = time.monotonic()
        try:
            held = Held(await asyncio.to_thread(load, model))
        except Exception as error:
            logger.error("%s cannot be served: %s", model, error)
            failure = error if isinstance(error, ModelUnavailable) else ModelUnavailable(f"{model}: {error!r}")
            self._failed[model] = time.monotonic(), failure
            while len(self._failed) > FAILED_KEPT:
                del self._failed[next(iter(self._failed))]
            raise failure from error
        finally:
            del self._loading[model]
        self._failed.pop(model, None)
        self._held[model] = held
        logger.info("Serving %s, loaded in %.1f s", model, time.monotonic() - started)
        while len(self._held) > MOST_MODELS:
            self._held.popitem(last=False)[1].batcher.close()
        return held
