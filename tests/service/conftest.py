"""One encoder process for all tests that leave it as it is, and a library that asks it."""

from collections.abc import Iterator
from typing import Any

import pytest

from search import encoders, vectors
from search.encoders import service
from tests.service.process import EncoderProcess, running


@pytest.fixture(scope="session")
def shared_encoder() -> Iterator[EncoderProcess]:
    with running() as encoder:
        yield encoder


@pytest.fixture
def fresh_caches() -> Iterator[None]:
    """Nothing that this process remembers of encoders and texts."""
    caches = [encoders._made, service._connected, vectors._text_vector]
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def through_the_process(shared_encoder: EncoderProcess, settings: Any, fresh_caches: None) -> EncoderProcess:
    """This process asks the encoder process, as web and workers do."""
    settings.DAM_ENCODER_URL, settings.DAM_ENCODER_TOKEN = shared_encoder.url, ""
    return shared_encoder


@pytest.fixture
def own_process(settings: Any, fresh_caches: None) -> Iterator[EncoderProcess]:
    """An encoder process that the test may kill or stop."""
    with running() as encoder:
        settings.DAM_ENCODER_URL, settings.DAM_ENCODER_TOKEN = encoder.url, ""
        yield encoder
