"""What tests share: pictures drawn on the spot, assets that went through the real ingest, real model and storages."""

import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kombu.pools
import numpy as np
import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connections
from django.utils.functional import empty
from PIL import Image, ImageDraw

from assets import storage
from assets.ingest import ingest
from assets.ledger import State
from assets.models import Asset
from dam.broker import transport_options
from search.models import Embedding, EmbeddingModel
from tests.support.library import own_directory

pytest_plugins = ["tests.support.s3", "tests.support.side_by_side"]
_seed = itertools.count()


def draw(color: str = "red", size: tuple[int, int] = (64, 48), format: str = "PNG", **save: Any) -> bytes:
    """Return a picture's bytes, different at every call so that no two are duplicates."""
    image = Image.new("RGB", size, color)
    ImageDraw.Draw(image).point([(0, 0)], (next(_seed) % 256, next(_seed) // 256 % 256, 7))
    buffer = io.BytesIO()
    image.save(buffer, format, **save)
    return buffer.getvalue()


@pytest.fixture(scope="session", autouse=True)
def broker_in_the_test_database(django_db_setup: None) -> Iterator[None]:
    """The doorbell rings in the database that the tests use, as it does in a real library."""
    database = connections["default"].settings_dict
    current_app.conf.broker_transport_options = transport_options(settings.CELERY_BROKER_URL, database)
    yield
    kombu.pools.reset()  # a database with open connections could not be dropped


@pytest.fixture
def picture() -> Callable[..., bytes]:
    return draw


@pytest.fixture(autouse=True)
def files(tmp_path: Path, settings: Any) -> Path:
    """Both storages in a directory of the test's own."""
    place(
        settings,
        {
            name: {
                "BACKEND": "assets.storage.AtomicFileSystemStorage",
                "OPTIONS": {"location": tmp_path / "media" / name},
            }
            for name in ("originals", "renditions")
        },
    )
    return tmp_path / "media"


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """For a library of the test's own: its database, when root starts it, runs as another user."""
    with own_directory() as directory:
        yield directory


def place(settings: Any, backends: dict[str, Any]) -> None:
    """Put the two storages elsewhere, for one test."""
    settings.STORAGES = settings.STORAGES | backends
    for lazy in (storage.originals(), storage.renditions()):
        lazy._wrapped = empty  # type: ignore[attr-defined]
    assert set(backends) <= set(storages.backends)


@pytest.fixture
def make_asset(db: None) -> Callable[..., Asset]:
    def make(name: str = "picture.png", *, data: bytes | None = None, color: str = "red", **fields: Any) -> Asset:
        data = draw(color) if data is None else data
        return ingest(ContentFile(data, name=name), name=name, **fields)

    return make


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("reader", password="reader")


@pytest.fixture
def editor(db: None) -> User:
    """Somebody with every permission on the library, but no superuser."""
    editor = User.objects.create_user("editor", password="editor", is_staff=True)
    editor.user_permissions.set(Permission.objects.filter(content_type__app_label__in=["assets", "search"]))
    return editor


DIMENSIONS = 8


@pytest.fixture
def small_space(db: None) -> EmbeddingModel:
    """An active embedding space of 8 dimensions, for tests that write vectors themselves."""
    model = EmbeddingModel.objects.create(name="test-space", dimensions=DIMENSIONS, state=EmbeddingModel.State.ACTIVE)
    model_index(model)
    return model


def model_index(model: EmbeddingModel) -> None:
    """What ``create_index`` makes, but inside the test's transaction."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE INDEX embedding_hnsw_{model.pk} ON search_embedding"
            f" USING hnsw ((vector::halfvec({model.dimensions})) halfvec_l2_ops) WHERE model_id = {model.pk}"
        )


@pytest.fixture
def give_vector(small_space: EmbeddingModel) -> Callable[[Asset, Any], Embedding]:
    """Write an asset's vector (scaled to length 1) as the embedding worker would."""

    def give(asset: Asset, vector: Any) -> Embedding:
        array = np.asarray(vector, dtype=np.float32)
        array = np.pad(array, (0, DIMENSIONS - len(array)))
        row, _created = Embedding.objects.update_or_create(
            asset=asset,
            model=small_space,
            defaults={"vector": array / np.linalg.norm(array), "state": State.READY},
        )
        return row

    return give


@pytest.fixture
def bundled_model(db: None) -> EmbeddingModel:
    """The real bundled model, as the active one."""
    from search.encoders import get_encoder

    name = "emoji-scenes"
    return EmbeddingModel.objects.create(
        name=name, dimensions=get_encoder(name).dimensions, state=EmbeddingModel.State.ACTIVE
    )


@pytest.fixture
def public(settings: Any) -> Iterator[None]:
    settings.DAM_PUBLIC_READ = True
    return
