"""The one writer: what is owed, what is stored, and what never reaches the table."""

import re
from datetime import timedelta

import numpy as np
import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from PIL import Image

from assets.ledger import State
from assets.models import Asset, Kind
from assets.preparation import prepare_batch
from search import tasks
from search.embedding import embed_batch, write
from search.encoders import ModelUnavailable
from search.halves import Halves
from search.models import Embedding, EmbeddingModel

pytestmark = pytest.mark.django_db


class Answers:
    """Stands where an encoder stands, and answers with the vectors that a test wants to see refused or stored."""

    name, dimensions = "test-space", 8

    def __init__(self, row: list[float]) -> None:
        self.row, self.seen = row, 0

    def encode_images(self, images):
        self.seen += len(images)
        return np.array([self.row] * len(images), dtype=np.float32)


UNIT = [1.0, 0, 0, 0, 0, 0, 0, 0]


@pytest.fixture
def encoder(monkeypatch):
    def use(row: list[float] = UNIT) -> Answers:
        answers = Answers(row)
        monkeypatch.setattr(EmbeddingModel, "encoder", answers)
        return answers

    return use


def test_saving_an_asset_owes_a_vector_in_the_same_transaction(make_asset, small_space):
    asset = make_asset()
    assert [(row.model, row.state) for row in asset.embeddings.all()] == [(small_space, State.PENDING)]
    asset.delete()
    with transaction.atomic():
        make_asset()
        transaction.set_rollback(True)
    assert not Embedding.objects.exists()


def test_preparing_an_asset_embeds_it_from_the_same_decoding(make_asset, small_space, encoder):
    answers = encoder()
    make_asset()
    prepare_batch()
    row = Embedding.objects.get()
    assert (row.state, row.attempts, row.vector) == (State.READY, 1, UNIT)
    assert answers.seen == 1


def test_what_was_missed_is_embedded_from_the_preview(make_asset, small_space, encoder):
    asset = make_asset()
    encoder([0.0] * 8)
    prepare_batch()
    Embedding.objects.all().retry()
    encoder()
    tasks.embed_pending()
    assert asset.embeddings.get().state == State.READY


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([float("nan"), *UNIT[1:]], "not finite"),
        ([float("inf"), *UNIT[1:]], "not finite"),
        ([0.0] * 8, "length 0"),
        ([2.0, *UNIT[1:]], "length 2"),
        ([1.0] + [0.0] * 4, r"shape \(5,\)"),
    ],
)
def test_what_is_no_unit_vector_of_the_space_never_reaches_the_table(make_asset, small_space, encoder, row, reason):
    encoder(row)
    make_asset()
    prepare_batch()
    tasks.embed_pending()
    owed = Embedding.objects.get()
    assert (owed.state, owed.attempts, owed.vector) == (State.QUARANTINED, 3, None)
    assert re.search(reason, owed.problem)


def test_the_database_refuses_a_ready_row_without_a_vector(make_asset, small_space):
    make_asset()
    with pytest.raises(IntegrityError, match="ready_has_vector"), transaction.atomic():
        Embedding.objects.update(state=State.READY)


def test_rows_wait_without_losing_an_attempt_while_the_model_cannot_be_had(make_asset, small_space, monkeypatch):
    def unavailable(self):
        raise ModelUnavailable("no weights")

    monkeypatch.setattr(EmbeddingModel, "encoder", property(unavailable))
    make_asset()
    prepare_batch()
    row = Embedding.objects.get()
    assert (row.state, row.attempts) == (State.PENDING, 0)
    assert Asset.objects.get().state == State.READY  # renditions do not wait for a model


def test_the_sweep_finds_what_no_signal_announced(small_space):
    Asset.objects.bulk_create(
        [Asset(original="k", filename="a", sha256="0" * 64, size=1, mime_type="image/png", kind=Kind.IMAGE)]
    )
    assert not Embedding.objects.exists()
    tasks.sweep()
    assert Embedding.objects.get().state == State.PENDING


def test_the_sweep_makes_true_what_it_can_before_it_waits_for_the_encoder(small_space, monkeypatch, settings):
    settings.DAM_ENCODER_URL = "http://127.0.0.1:9"
    owed = []
    monkeypatch.setattr(tasks.vectors, "warm_up", lambda: owed.extend(Embedding.objects.all()))
    Asset.objects.bulk_create(
        [Asset(original="k", filename="a", sha256="0" * 64, size=1, mime_type="image/png", kind=Kind.IMAGE)]
    )
    tasks.sweep()
    assert len(owed) == 1


def test_an_asset_deleted_while_it_is_embedded_is_no_error(make_asset, small_space, encoder):
    answers = encoder()
    asset = make_asset()

    def delete_meanwhile(images):
        asset.delete()
        return np.array([UNIT] * len(images))

    answers.encode_images = delete_meanwhile
    prepare_batch()
    assert not Embedding.objects.exists()


def test_a_model_that_is_built_takes_over_once_it_has_every_asset(make_asset, small_space, encoder):
    encoder()
    make_asset()
    prepare_batch()
    new = EmbeddingModel.objects.create(name="new", dimensions=8)
    tasks.sweep()
    assert EmbeddingModel.objects.active() == small_space
    embed_batch()
    tasks.sweep()
    assert EmbeddingModel.objects.active() == new
    small_space.refresh_from_db()
    assert small_space.state == EmbeddingModel.State.RETIRED
    assert small_space.embeddings.filter(vector__isnull=False).count() == 1  # kept for the way back


@pytest.fixture
def claimed(make_asset, small_space):
    """Three claimed rows, as a worker holds them."""
    for asset in [make_asset(), make_asset(), make_asset()]:
        Asset.objects.filter(pk=asset.pk).update(state=State.READY)
    return Embedding.objects.claim(3)


def vectors(count: int) -> np.ndarray:
    made = np.random.default_rng(5).normal(size=(count, 8)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_a_batch_of_vectors_is_written_whole_in_half_precision(claimed):
    given = vectors(3)
    assert write(claimed, given) == 3
    rows = list(Embedding.objects.order_by("pk"))
    assert np.array_equal(np.array([row.vector for row in rows], np.float16), given.astype(np.float16))
    for row in rows:
        assert (row.state, row.problem, row.leased_until) == (State.READY, "", None)
        assert row.started_at <= row.finished_at <= row.started_at + timedelta(seconds=60)


def test_a_batch_is_one_statement_and_one_for_policies_however_many_rows(
    claimed, django_assert_num_queries, monkeypatch
):
    Halves(vectors(3))  # learns what number the type has, once in a process
    statements = []
    execute = psycopg.Cursor.execute
    monkeypatch.setattr(psycopg.Cursor, "execute", lambda *given: statements.append(given) or execute(*given))
    with django_assert_num_queries(1):  # what policies say of them
        write(claimed, vectors(3))
    assert len(statements) == 2


def test_of_a_batch_only_what_nobody_else_has_claimed_since_is_written(claimed):
    lost, kept, gone = claimed
    Embedding.objects.filter(pk=lost.pk).update(leased_until=None)
    Embedding.objects.filter(pk=lost.pk).claim(1)
    Embedding.objects.filter(pk=gone.pk).delete()
    assert write(claimed, vectors(3)) == 1
    assert set(Embedding.objects.values_list("pk", "state")) == {(lost.pk, State.PENDING), (kept.pk, State.READY)}


def test_of_a_batch_the_bad_vectors_fail_alone(claimed, encoder):
    Embedding.objects.release(claimed)
    answers = encoder()
    answers.encode_images = lambda images: np.array([UNIT, [float("nan")] * 8, UNIT][: len(images)])
    images = {(row.asset_id, 0): Image.new("RGB", (8, 8)) for row in claimed}
    embed_batch(images)
    rows = list(Embedding.objects.order_by("pk"))
    assert [row.state for row in rows] == [State.READY, State.PENDING, State.READY]
    assert "not finite" in rows[1].problem


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_is_changing_at_this_moment_is_left_to_them(claimed):
    busy = claimed[1]
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT 1 FROM search_embedding WHERE id = %s FOR UPDATE", [busy.pk])
        assert write(claimed, vectors(3)) == 2
    assert Embedding.objects.get(pk=busy.pk).state == State.PENDING
