"""A library with vectors that tests choose, for rankings."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assets.ledger import State
from assets.models import Asset, Kind
from search.models import Embedding, EmbeddingModel


@pytest.fixture
def many_assets(small_space: EmbeddingModel) -> Callable[..., list[Asset]]:
    """Insert assets with these vectors (n, dimensions) at once; further columns come from ``fields(number)``."""

    def make(vectors: np.ndarray, fields: Callable[[int], dict[str, Any]] = lambda number: {}) -> list[Asset]:
        start = Asset.objects.count()
        rows = []
        for number in range(len(vectors)):
            name = f"{start + number}"
            known = {
                "original": name, "filename": f"{name}.png", "sha256": name.rjust(64, "0"), "size": 1,
                "mime_type": "image/png", "kind": Kind.IMAGE, "state": State.READY,
            }  # fmt: skip
            rows.append(Asset(**known | fields(number)))
        assets = Asset.objects.bulk_create(rows)
        Embedding.objects.bulk_create(
            Embedding(asset=asset, model=small_space, vector=vector / np.linalg.norm(vector), state=State.READY)
            for asset, vector in zip(assets, vectors, strict=True)
        )
        return assets

    return make
