"""What a monitor is told: everybody may ask, a database that does not answer is a 503, and nothing secret is said."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from search.models import EmbeddingModel, RecallProbe


def ask() -> tuple[int, dict[str, Any]]:
    answer = Client(raise_request_exception=False).get("/healthz")
    assert answer["Content-Type"] == "application/json"
    return answer.status_code, answer.json()


@pytest.mark.django_db
def test_a_library_without_a_model_is_up_and_wants_attention():
    assert ask() == (200, {"status": "warn", "database": "answers", "model": "missing", "recall": None})


def test_a_low_recall_is_a_warning_and_no_outage(small_space: EmbeddingModel):
    RecallProbe.objects.create(model=small_space, queries=20, recall=0.9501, worst=0.5)
    assert (ask()[0], ask()[1]["status"]) == (200, "ok")
    RecallProbe.objects.create(model=small_space, queries=20, recall=0.9499, worst=0.5)
    assert (ask()[0], ask()[1]["status"]) == (200, "warn")


def test_the_recall_of_a_model_that_is_not_asked_does_not_matter(small_space: EmbeddingModel):
    other = EmbeddingModel.objects.create(name="other", dimensions=8)
    RecallProbe.objects.create(model=other, queries=20, recall=0.1, worst=0)
    assert ask()[1] == {"status": "ok", "database": "answers", "model": "active", "recall": None}


def test_it_names_neither_the_model_nor_anything_of_the_library(small_space: EmbeddingModel, make_asset: Any):
    make_asset("secret.png", title="secret title")
    RecallProbe.objects.create(model=small_space, queries=20, recall=0.5, worst=0)
    said = str(ask()[1])
    assert "secret" not in said
    assert small_space.name not in said


@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_be_reached_is_a_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert ask()[0] == 200
    with monkeypatch.context() as patch:
        connection.close()
        patch.setitem(connection.settings_dict, "HOST", str(tmp_path))  # no server has its socket here
        status, said = ask()
        connection.close()
    assert (status, said) == (503, {"status": "down", "database": "does not answer", "model": None, "recall": None})
    assert ask()[0] == 200


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_is_a_503_until_it_is_made_anew():
    connection.ensure_connection()
    assert connection.connection is not None
    connection.connection.close()  # the server ended it; Django does not know yet
    assert ask()[0] == 503
    connection.close()
    assert ask()[0] == 200
