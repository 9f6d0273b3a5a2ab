"""A library of 40 pictures in a space whose texts have vectors that tests choose."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest

from search.encoders import ModelUnavailable
from search.models import Calibration, EmbeddingModel, Policy
from tests.admin import conftest as of_admin
from tests.search import conftest as of_search

many_assets = of_search.many_assets
editing, looking, listed = of_admin.editing, of_admin.looking, of_admin.listed

KNIFE, GUN = np.eye(8, dtype=np.float32)[:2]
# Cosines of chance lie about 0, and 0.2 is worth 50 %.
NUMBERS = {"text": {"centre": 0.0, "spread": 0.2 / 2.878}, "picture": {"centre": 0.0, "spread": 0.05}}


class Words:
    """An encoder that knows two words."""

    name, dimensions = "test-space", 8
    away = False

    def encode_text(self, texts):
        if self.away:
            raise ModelUnavailable("The model is away.")
        return np.stack([{"knife": KNIFE, "gun": GUN}.get(text, np.eye(8, dtype=np.float32)[7]) for text in texts])


@pytest.fixture
def words(monkeypatch) -> Words:
    encoder = Words()
    monkeypatch.setattr(EmbeddingModel, "encoder", encoder)
    return encoder


@pytest.fixture
def calibrated(small_space, words) -> EmbeddingModel:
    Calibration.objects.create(model=small_space, pictures=40, library=40, numbers=deepcopy(NUMBERS))
    return small_space


def at_cosine(cosine: float, to: np.ndarray = KNIFE) -> np.ndarray:
    """A vector that is this near to a text, and otherwise like nothing else."""
    return cosine * to + np.sqrt(1 - cosine**2) * np.eye(8)[5]


@pytest.fixture
def library(calibrated, many_assets):
    """Ten pictures whose cosine to "knife" is 0.02, 0.12 … 0.92."""
    return many_assets(np.stack([at_cosine(0.02 + number / 10) for number in range(10)]))


@pytest.fixture
def policy(db) -> Callable[..., Policy]:
    def make(text: str = "knife", threshold: int = 50, **fields) -> Policy:
        return Policy.objects.create(name=fields.pop("name", text), text=text, threshold=threshold, **fields)

    return make
