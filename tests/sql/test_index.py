"""Statements over the view are served by the model's own index, and are complete under any filter."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection

from assets.models import Asset, Tag
from search.models import QueryVector
from search.sql import session
from tests.search.conftest import many_assets  # noqa: F401

pytestmark = pytest.mark.django_db
NEAREST = "ORDER BY embedding <-> clip_text_embedding('black car')::vector(8)"
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def library(many_assets, small_space):  # noqa: F811
    from hashlib import sha256

    rng = np.random.default_rng(3)
    assets = many_assets(
        rng.normal(size=(3000, 8)), fields=lambda number: {"taken_at": START + timedelta(days=number % 300)}
    )
    tag = Tag.named("night")
    Asset.tags.through.objects.bulk_create(
        Asset.tags.through(asset_id=asset.pk, tag_id=tag.pk) for asset in assets[::20]
    )
    text = "black car"
    vector = np.arange(1, 9) / np.linalg.norm(np.arange(1, 9))
    QueryVector.objects.create(model=small_space, text=text, digest=sha256(text.encode()).digest(), vector=vector)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE search_embedding; ANALYZE assets_asset; ANALYZE assets_asset_tags")
        cursor.execute("SET LOCAL search_path = dam_sql, public; SET LOCAL dam.public_read = 'on'")
    return assets


def plan(statement):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        return "\n".join(line for (line,) in cursor.fetchall())


def ids(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT id, url FROM images {NEAREST} LIMIT 10",
        f"SELECT id, url FROM images WHERE id > 1000 {NEAREST} LIMIT 10",
        f"SELECT id, tags FROM images WHERE taken_at >= '2026-02-01' AND taken_at < '2026-09-01' {NEAREST} LIMIT 10",
        "SELECT id FROM images ORDER BY embedding <-> (SELECT embedding FROM images WHERE id = FIRST) LIMIT 10",
        "SELECT id FROM images ORDER BY embedding <-> clip_image_embedding('FIRST') LIMIT 10",
        "SELECT id FROM images ORDER BY embedding <-> '[1,2,3,4,5,6,7,8]'::vector(8) LIMIT 10",
    ],
)
def test_the_models_index_serves_it(statement, library, small_space):
    statement = statement.replace("FIRST", str(library[0].pk))
    assert f"Index Scan using embedding_hnsw_{small_space.pk}" in plan(statement)


@pytest.mark.parametrize(
    "condition",
    [
        "true",
        "id > {middle}",
        "taken_at < '2026-01-04'",
        "'night' = ANY(tags)",
        "'night' = ANY(tags) AND id > {middle}",
    ],
)
def test_no_filter_costs_results(condition, library):
    condition = condition.format(middle=library[1500].pk)
    exact = ids(
        f"SELECT id FROM images WHERE {condition} {NEAREST.replace('embedding <->', '0 + (embedding <->')}) LIMIT 10"
    )
    assert len(exact) == 10
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    found = ids(f"SELECT id FROM images WHERE {condition} {NEAREST} LIMIT 10")
    assert len(found) == 10
    assert len(set(found) & set(exact)) >= 9


def test_the_most_distant_are_sorted_without_the_index(library):
    """What DESC means: not the most similar, and slowly."""
    found = ids(f"SELECT id FROM images {NEAREST} DESC LIMIT 10")
    nearest = ids(f"SELECT id FROM images {NEAREST} LIMIT 10")
    assert not set(found) & set(nearest)
    assert "hnsw" not in plan(f"SELECT id FROM images {NEAREST} DESC LIMIT 10")


def test_the_consoles_session_has_the_settings_of_the_librarys_own(db):
    from django.conf import settings

    with session.connect(session.EVERYTHING) as signed_in:
        names = [part.split("=")[0] for part in settings.DATABASES["default"]["OPTIONS"]["options"].split("-c ")[1:]]
        assert "hnsw.iterative_scan" in names
        for name in names:
            if name != "statement_timeout":
                (there,) = signed_in.execute(f"SHOW {name}").fetchone()
                with connection.cursor() as cursor:
                    cursor.execute(f"SHOW {name}")
                    assert (there,) == cursor.fetchone()
        assert signed_in.execute("SHOW statement_timeout").fetchone() == ("10s",)
        assert signed_in.execute("SELECT current_user, session_user").fetchone() == ("dam_sql", "dam_sql")
