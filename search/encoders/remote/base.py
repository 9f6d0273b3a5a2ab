"""What all encoders elsewhere share: bounded requests, answers that are checked, a space that stays the same."""

import io
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from PIL import Image

from search.encoders import ModelUnavailable, Unsupported
from search.encoders.remote import canary
from search.encoders.remote.calls import REST, calls_to
from search.models import EmbeddingModel, RemoteModel

logger = logging.getLogger(__name__)

# How often the service is asked for the pinned vectors again, in seconds.
CHECKED_FOR = 24 * 3600
# How long nobody asks a service that answers with other vectors than before, in seconds.
REST_OF_A_STRANGER = 300
# Models look at the first words of a text; a service that refuses a longer one would never answer.
MOST_CHARACTERS = 2000


class RemoteEncoder:
    """An encoder that asks a service. ``name`` is as in ``DAM_MODEL``: the service, a colon, what the service calls it.

    A subclass says how one request is made: ``_ask_texts`` and ``_ask_pictures`` return one list of numbers for each
    item, as the service gave them. Making one asks nobody; the first use compares the service's answers for a fixed
    text and a fixed picture with those of the beginning, and so does the first use after a day.
    """

    takes_pictures = takes_text = True
    texts_per_request = 32
    pictures_per_request = 8

    def __init__(self, name: str) -> None:
        self.name = name
        self.model = name.partition(":")[2]
        if not self.model:
            raise ModelUnavailable(
                _("%r names no model: write the service, a colon, and the model that it has.") % name
            )
        self._calls = calls_to(name)
        self._checking = threading.Lock()
        self._checked_at: float | None = None
        self._dimensions: int | None = None

    def _ask_texts(self, texts: list[str]) -> Any:
        raise NotImplementedError

    def _ask_pictures(self, pictures: list[bytes]) -> Any:
        raise NotImplementedError

    @property
    def dimensions(self) -> int:
        self._check()
        return self._dimensions or 0

    def encode_text(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors of texts, float32 of shape (n, dimensions); what exceeds 2,000 characters is cut off."""
        if not self.takes_text:
            raise Unsupported(_("%s takes no text.") % self.name)
        self._check()
        return self._texts(texts)

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Return unit vectors of RGB pictures, float32 of shape (n, dimensions).

        Where a service that answers well otherwise has no vector for one picture, its row is not of length 1.
        """
        if not self.takes_pictures:
            raise Unsupported(_("%s takes no pictures.") % self.name)
        self._check()
        vectors = self._pictures(images)
        if _problem_of(vectors):  # the picture's fault, or the service's: then it fails over the fixed picture too
            self._check(again=True)
        return vectors

    def _texts(self, texts: list[str]) -> np.ndarray:
        def ask(batch: list[str]) -> np.ndarray:
            return self._faultless(self._vectors(self._ask_texts(batch), len(batch)))

        # Services take an empty text for none, and models read a space as they read nothing.
        return self._in_batches([text[:MOST_CHARACTERS] or " " for text in texts], self.texts_per_request, ask)

    def _pictures(self, pictures: list[Image.Image]) -> np.ndarray:
        def ask(batch: list[bytes]) -> np.ndarray:
            return self._vectors(self._ask_pictures(batch), len(batch))

        return self._in_batches([_bytes_of(picture) for picture in pictures], self.pictures_per_request, ask)

    def _in_batches(self, items: list[Any], size: int, ask: Callable[[list[Any]], np.ndarray]) -> np.ndarray:
        batches = [items[start : start + size] for start in range(0, len(items), size)]
        answers = [self._calls.make(partial(ask, batch)) for batch in batches]
        return np.concatenate(answers) if answers else np.empty((0, self.dimensions), np.float32)

    def _vectors(self, answer: Any, count: int) -> np.ndarray:
        """Return the answer as float32 (count, dimensions), each row scaled to length 1 where it has one."""
        array = numbers(self.name, answer)
        if array.ndim != 2:
            raise no_numbers(self.name)
        if len(array) != count:
            raise ModelUnavailable(
                _("%(model)s answered with %(found)d vectors instead of %(expected)d.")
                % {"model": self.name, "found": len(array), "expected": count}
            )
        if self._dimensions and array.shape[1] != self._dimensions:
            raise ModelUnavailable(
                _("%(model)s answered with vectors of %(found)d dimensions instead of %(expected)d.")
                % {"model": self.name, "found": array.shape[1], "expected": self._dimensions}
            )
        exact = array.astype(np.float64)
        length = np.linalg.norm(exact, axis=1, keepdims=True)
        with np.errstate(all="ignore"):
            return np.where(length > 0, exact / length, exact).astype(np.float32)

    def _faultless(self, vectors: np.ndarray) -> np.ndarray:
        if problem := _problem_of(vectors):
            raise ModelUnavailable(problem % self.name)
        return vectors

    def _check(self, again: bool = False) -> None:
        """Compare the service with how it answered at first, unless that was done today; raise ModelUnavailable."""
        with self._checking:
            if not again and self._checked_at is not None and time.monotonic() - self._checked_at < CHECKED_FOR:
                return
            self._checked_at = None
            self._compare()
            self._checked_at = time.monotonic()

    def _compare(self) -> None:
        kept = EmbeddingModel.objects.filter(name=self.name).exists()
        pinned = RemoteModel.objects.filter(name=self.name, pinned_at__isnull=False).first() if kept else None
        if pinned is None:  # no vector is kept that another could be mixed with
            self._dimensions = None
        found = {}
        if self.takes_text:
            found["text_canary"] = self._texts([canary.TEXT])[0]
            self._dimensions = self._dimensions or len(found["text_canary"])
        if self.takes_pictures:
            try:
                found["picture_canary"] = self._faultless(self._pictures([canary.picture()]))[0]
            except ModelUnavailable as failure:
                self._calls.failed(failure, rest=REST)
                raise
            self._dimensions = self._dimensions or len(found["picture_canary"])
        if pinned is None:
            RemoteModel.objects.update_or_create(name=self.name, defaults={**found, "pinned_at": Now()})
        else:
            for field, vector in found.items():
                self._expect_alike(np.asarray(getattr(pinned, field), np.float32), vector)

    def _expect_alike(self, before: np.ndarray, found: np.ndarray) -> None:
        if before.shape != found.shape:
            logger.error("%s has %s dimensions instead of %s", self.name, len(found), len(before))
        elif (cosine := float(before @ found)) < canary.LEAST_COSINE:
            logger.error("%s: the cosine to the vector of the beginning is %.4f", self.name, cosine)
        else:
            return
        failure = ModelUnavailable(
            _(
                "%s: the service answers with other vectors than when it was set up, and two spaces must not be mixed."
                " Have it serve the model that it had; or switch to another, delete this one and add it again."
            )
            % self.name
        )
        self._calls.failed(failure, rest=REST_OF_A_STRANGER)
        raise failure


def field(name: str, answer: Any, key: str, kind: type = list) -> Any:
    """Return a field of an answer of the named model; raise ModelUnavailable where it is not there, or no ``kind``."""
    if not isinstance(answer, dict) or not isinstance(answer.get(key), kind):
        raise ModelUnavailable(_("%(model)s answered without %(field)s.") % {"model": name, "field": key})
    return answer[key]


def numbers(name: str, answer: Any) -> np.ndarray:
    """Return the nested lists of numbers that the named model answered with as an array; raise ModelUnavailable."""
    try:
        array = np.asarray(answer)
    except ValueError as error:  # lists of different lengths
        raise no_numbers(name) from error
    if array.dtype.kind not in "fiu":
        raise no_numbers(name)
    return array


def no_numbers(name: str) -> ModelUnavailable:
    return ModelUnavailable(_("%s answered with something else than lists of numbers.") % name)


def _problem_of(vectors: np.ndarray) -> str:
    if not np.isfinite(vectors).all():
        return _("%s answered with a vector that has a value which is not finite.")
    if not np.linalg.norm(vectors, axis=1).all():
        return _("%s answered with a vector of length 0.")
    return ""


def _bytes_of(picture: Image.Image) -> bytes:
    """Return the picture as a file, its short side scaled down to what models look at."""
    side = settings.DAM_REMOTE_PICTURE_SIDE
    if (short := min(picture.size)) > side:
        size = (round(picture.width * side / short), round(picture.height * side / short))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    if settings.DAM_REMOTE_PICTURE_FORMAT == "jpeg":
        picture.save(buffer, "JPEG", quality=95, subsampling=0)
    else:
        picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
