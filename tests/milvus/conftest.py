"""Milvus as the index: milvus-lite in this process, a file of its own for each session of tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection

from assets.models import Asset
from search.milvus import client, mirror
from search.models import EmbeddingModel, MirrorChange
from tests.search.conftest import many_assets

__all__ = ["many_assets"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of tests that are run here a second time, leave out the route that asks no index."""
    here = str(Path(__file__).parent)
    dropped = [item for item in items if str(item.path).startswith(here) and item.name.endswith(("[exact]", "-exact]"))]
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in dropped]


@pytest.fixture(scope="session")
def milvus_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("milvus") / "milvus.db"
    yield path
    client.forget()


@pytest.fixture
def milvus_index(milvus_file: Path, settings: Any) -> Iterator[None]:
    settings.DAM_INDEX, settings.DAM_MILVUS_URI = "milvus", str(milvus_file)
    client.forget()
    yield
    client.forget()


@pytest.fixture
def milvus(milvus_index: None, settings: Any) -> None:
    """The index is Milvus, and rankings ask it whatever their size."""
    settings.DAM_EXACT_ROWS = 0


@pytest.fixture
def told(milvus_index: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Milvus is told of everything just before each ranking that asks it."""
    serving = mirror.serving

    def told(model: EmbeddingModel, most: int) -> tuple[str, list[int]] | None:
        mirror.build(model)
        while mirror.drain(model):
            pass
        MirrorChange.objects.filter(model_id=model.pk).delete()
        return serving(model, most)

    monkeypatch.setattr(mirror, "serving", told)


@pytest.fixture
def on_milvus(milvus: None, told: None) -> None:
    """Every ranking asks Milvus, which has everything."""


@pytest.fixture
def clusters(milvus: None, many_assets: Callable[..., list[Asset]], small_space: EmbeddingModel) -> list[Asset]:
    """600 assets in twelve clusters, mirrored."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(12, 8))[np.arange(600) % 12] + 0.3 * rng.normal(size=(600, 8))
    assets = many_assets(vectors)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE assets_asset, search_embedding")
    assert mirror.build(small_space)
    return assets
