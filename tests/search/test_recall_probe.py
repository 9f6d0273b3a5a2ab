"""What the index finds is measured, shown where people look, and complained about when it is too little."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils.module_loading import import_string

from assets.models import Asset
from search import recall
from search.models import EmbeddingModel, RecallProbe
from search.status import library_status

pytestmark = pytest.mark.django_db
ROWS = 1500


@pytest.fixture
def library(many_assets: Callable[..., list[Asset]], small_space: EmbeddingModel, settings: Any) -> EmbeddingModel:
    """1,500 random vectors, of which rankings may use the index above 500."""
    settings.DAM_EXACT_ROWS = 500
    many_assets(np.random.default_rng(1).normal(size=(ROWS, 8)))
    return small_space


@pytest.fixture
def broken(library: EmbeddingModel) -> EmbeddingModel:
    """An index with so few links that much of the library is not reached."""
    name = f"embedding_hnsw_{library.pk}"
    with connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; DROP INDEX {name}")
        cursor.execute(
            f"CREATE INDEX {name} ON search_embedding USING hnsw ((vector::halfvec(8)) halfvec_l2_ops)"
            f" WITH (m = 2, ef_construction = 4) WHERE model_id = {library.pk}"
        )
    return library


def test_a_whole_index_finds_nearly_everything(library: EmbeddingModel) -> None:
    made = recall.probe(library)
    assert made is not None
    assert made.queries == 20
    assert made.recall > 0.99
    assert recall.warning(made) == ""


def test_a_broken_index_is_noticed_and_the_warning_says_what_to_do(broken: EmbeddingModel) -> None:
    made = recall.probe(broken, queries=40)
    assert made is not None
    assert made.recall < recall.WARN_BELOW
    assert made.worst <= made.recall
    assert f"REINDEX INDEX CONCURRENTLY embedding_hnsw_{broken.pk}" in recall.warning(made)
    assert "calibrate_search" in recall.warning(made)


def test_a_library_that_is_ranked_exactly_has_nothing_to_measure(library: EmbeddingModel, settings: Any) -> None:
    recall.probe(library)
    settings.DAM_EXACT_ROWS = ROWS
    assert recall.probe(library) is None
    assert library_status()["recall"] is None, "what was measured before the library shrank says nothing any more"


def test_the_measured_threshold_decides_what_is_exact(library: EmbeddingModel) -> None:
    library.exact_rows = ROWS
    assert recall.probe(library) is None


def test_a_probe_asks_with_texts_where_the_library_has_some(
    library: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    Asset.objects.update(title="a red lorry")
    asked: list[str] = []

    class Encoder:
        def encode_text(self, texts: list[str]) -> np.ndarray:
            asked.extend(texts)
            return np.tile(np.eye(8, dtype=np.float32)[0], (len(texts), 1))

    monkeypatch.setitem(library.__dict__, "encoder", Encoder())
    assert len(recall.sample(library, 6)) == 6
    assert asked == ["a red lorry"]


def test_without_the_model_a_probe_asks_with_pictures_alone(library: EmbeddingModel) -> None:
    Asset.objects.update(title="a red lorry")  # "test-space" is no model that could be loaded
    made = recall.probe(library)
    assert made is not None
    assert made.queries == 20


def test_only_the_last_hundred_probes_are_kept(library: EmbeddingModel) -> None:
    RecallProbe.objects.bulk_create(
        RecallProbe(model=library, queries=1, recall=1, worst=1) for _ in range(recall.KEPT + 5)
    )
    made = recall.probe(library, queries=2)
    assert made is not None
    assert RecallProbe.objects.count() == recall.KEPT
    assert RecallProbe.objects.first() == made


def test_probes_run_by_schedule(library: EmbeddingModel) -> None:
    [task] = [entry["task"] for name, entry in configured.CELERY_BEAT_SCHEDULE.items() if name == "recall"]
    import_string(task)()
    assert RecallProbe.objects.filter(model=library).exists()


def test_the_scheduled_probe_of_an_empty_library_leaves_quietly(db: None) -> None:
    import_string(configured.CELERY_BEAT_SCHEDULE["recall"]["task"])()
    assert not RecallProbe.objects.exists()


def test_the_admin_shows_the_warning(broken: EmbeddingModel, admin_client: Client) -> None:
    page = "/admin/search/embeddingmodel/status/"
    assert "REINDEX" not in admin_client.get(page).content.decode()
    recall.probe(broken, queries=40)
    assert f"REINDEX INDEX CONCURRENTLY embedding_hnsw_{broken.pk}" in admin_client.get(page).content.decode()


def test_the_command_line_shows_it(broken: EmbeddingModel, capsys: pytest.CaptureFixture[str]) -> None:
    recall.probe(broken, queries=40)
    call_command("status")
    assert "REINDEX INDEX CONCURRENTLY" in capsys.readouterr().out


def test_the_health_endpoint_is_ok_without_a_probe_and_with_a_whole_index(library: EmbeddingModel) -> None:
    assert Client().get("/healthz").json() == {"status": "ok", "database": "answers", "model": "active", "recall": None}
    recall.probe(library)
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["recall"]["value"] > 0.99


def test_the_health_endpoint_warns_of_a_broken_index_and_stays_up(broken: EmbeddingModel) -> None:
    recall.probe(broken, queries=40)
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "warn")
    assert "REINDEX" in answer.json()["recall"]["warning"]


def test_the_health_endpoint_asks_the_database_little(
    broken: EmbeddingModel, django_assert_max_num_queries: Any
) -> None:
    recall.probe(broken, queries=2)
    with django_assert_max_num_queries(2):
        Client().get("/healthz")


def test_the_health_endpoint_is_down_with_the_database(
    small_space: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise OperationalError("password of db.internal is wrong")

    monkeypatch.setattr(recall, "report", refuse)
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "down")
    assert "password" not in answer.content.decode()
