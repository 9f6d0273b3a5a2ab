"""Milvus as the index: milvus-lite in this process, a file of its own for each session of tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection

from assets.models import Asset
from search.milvus import client, mirror
from search.models import EmbeddingModel
from tests.search.conftest import many_assets

__all__ = ["many_assets"]


@pytest.fixture(scope="session")
def milvus_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("milvus") / "milvus.db"
    yield path
    client.forget()


@pytest.fixture
def milvus(milvus_file: Path, settings: Any) -> Iterator[None]:
    """The index is Milvus, and rankings ask it whatever their size."""
    settings.DAM_INDEX, settings.DAM_MILVUS_URI, settings.DAM_EXACT_ROWS = "milvus", str(milvus_file), 0
    client.forget()
    yield
    client.forget()


@pytest.fixture
def clusters(milvus: None, many_assets: Callable[..., list[Asset]], small_space: EmbeddingModel) -> list[Asset]:
    """600 assets in twelve clusters, mirrored."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(12, 8))[np.arange(600) % 12] + 0.3 * rng.normal(size=(600, 8))
    assets = many_assets(vectors)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert mirror.build(small_space)
    return assets
