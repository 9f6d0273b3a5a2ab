"""Encoders turn pictures and text into unit vectors of one space. ``get_encoder(name)`` finds the one for a model."""

import threading
from functools import lru_cache
from typing import Protocol

import numpy as np
from PIL import Image


class ModelUnavailable(Exception):
    """A model cannot be loaded; the message names the ways out."""


class Encoder(Protocol):
    """One embedding space.

    ``encode_images`` and ``encode_text`` return float32 arrays of shape (n, ``dimensions``), each row of length 1.
    """

    name: str
    dimensions: int

    def encode_images(self, images: list[Image.Image]) -> np.ndarray: ...

    def encode_text(self, texts: list[str]) -> np.ndarray: ...


_loading = threading.Lock()


def get_encoder(name: str) -> Encoder:
    """Return the encoder of the named model, loaded once per process; raise ModelUnavailable.

    ``name`` is as in ``DAM_MODEL``.
    """
    with _loading:  # two requests that come first together must not load it twice
        return _load(name)


@lru_cache(maxsize=2)  # the active model, and the one that is being built
def _load(name: str) -> Encoder:
    # Imported here because torch takes seconds and hundreds of megabytes: a process that asks for no encoder does
    # not pay them.
    from search.encoders.open_clip import OpenClipEncoder

    return OpenClipEncoder(name)
