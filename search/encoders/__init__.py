"""Encoders turn pictures and text into unit vectors of one space. ``get_encoder(name)`` finds the one for a model."""

import threading
from functools import lru_cache
from typing import Protocol

import numpy as np
from django.conf import settings
from django.utils.module_loading import import_string
from PIL import Image


class ModelUnavailable(Exception):
    """A model cannot be loaded; the message names the ways out."""


class Unsupported(ValueError):
    """The model encodes no pictures, or no text."""


class Encoder(Protocol):
    """One embedding space.

    ``encode_images`` and ``encode_text`` return float32 arrays of shape (n, ``dimensions``), each row of length 1.
    Where ``takes_pictures`` or ``takes_text`` is false, the method raises Unsupported.
    """

    name: str
    dimensions: int
    takes_pictures: bool
    takes_text: bool

    def encode_images(self, images: list[Image.Image]) -> np.ndarray: ...

    def encode_text(self, texts: list[str]) -> np.ndarray: ...


# Families of models, by the prefix of their names; without a prefix of these a name is open_clip's.
HERE = {
    "chinese-clip": "search.encoders.chinese_clip.ChineseClipEncoder",
    "sentence-transformers": "search.encoders.sentence_transformers.SentenceTransformersEncoder",
    "torchvision": "search.encoders.torchvision.TorchvisionEncoder",
}
# Services of others, by the protocol that they speak.
ELSEWHERE = {
    "clip-as-service": "search.encoders.remote.clip_as_service.ClipAsServiceEncoder",
    "roboflow": "search.encoders.remote.roboflow.RoboflowEncoder",
    "sagemaker": "search.encoders.remote.feature_extraction.SageMakerEncoder",
    "huggingface": "search.encoders.remote.feature_extraction.HuggingFaceEncoder",
    "openai": "search.encoders.remote.openai.OpenAIEncoder",
}
OPEN_CLIP = "search.encoders.open_clip.OpenClipEncoder"

# How far from 1 the length of a vector may be before it is an encoder's error.
LENGTH_TOLERANCE = 1e-3

_loading = threading.Lock()


def get_encoder(name: str) -> Encoder:
    """Return the encoder of the named model, made once per process; raise ModelUnavailable.

    ``name`` is as in ``DAM_MODEL``. With ``DAM_ENCODER_URL`` our own models are asked of that process (``manage.py
    encoder``), and none is loaded here.
    """
    with _loading:  # two requests that come first together must not load it twice
        return _made(name)


# Imported by name and only when asked for: torch takes seconds and hundreds of megabytes, and a process that loads no
# model does not pay them.
@lru_cache(maxsize=4)
def _made(name: str) -> Encoder:
    if path := ELSEWHERE.get(_family(name)):
        return import_string(path)(name)
    if settings.DAM_ENCODER_URL:
        return import_string("search.encoders.service.ServiceEncoder")(name)
    return load(name)


def load(name: str) -> Encoder:
    """Load a model into this process."""
    return import_string(HERE.get(_family(name), OPEN_CLIP))(name)


def _family(name: str) -> str:
    return name.partition(":")[0]


def encode_descriptions(encoder: Encoder, texts: list[str]) -> np.ndarray:
    """Return unit vectors of texts that are to be found, as ``encode_text`` does of those that are searched with.

    Few models tell the two apart; their encoders have a method of this name, too.
    """
    encode = getattr(encoder, "encode_descriptions", encoder.encode_text)
    return encode(texts)


def of_unit_length(vectors: np.ndarray) -> bool:
    """Whether all vectors, an array of shape (…, dimensions), are of length 1; one with a NaN is not."""
    return bool((abs(np.linalg.norm(vectors, axis=-1) - 1) <= LENGTH_TOLERANCE).all())


def names_a_path(name: str) -> bool:
    """Whether a model's name names a file or folder of the machine that loads it."""
    return name.rpartition(":")[2].startswith(("/", "~", ".")) or name.startswith("local-dir:")
