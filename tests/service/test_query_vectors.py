"""A text is encoded once for the whole library, whichever process is asked; what is stored has a bound."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from search import vectors
from search.encoders import ModelUnavailable
from search.models import EmbeddingModel, QueryVector
from search.vectors import forget_least_used, text_vector


class Counting:
    """A model of the small space that says how often it was asked, and may be away."""

    dimensions, away = 8, False

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_text(self, texts: list[str]) -> np.ndarray:
        if self.away:
            raise ModelUnavailable("away")
        self.asked += texts
        return np.tile(np.float32([0.6, 0.8, 0, 0, 0, 0, 0, 0]), (len(texts), 1))


@pytest.fixture
def encoder(small_space: EmbeddingModel, monkeypatch: pytest.MonkeyPatch, fresh_caches: None) -> Counting:
    encoder = Counting()
    monkeypatch.setattr(EmbeddingModel, "encoder", encoder)
    return encoder


@pytest.fixture
def in_another_process() -> Callable[[str], np.ndarray]:
    """The vector of a text where this process remembers none."""

    def ask(text: str) -> np.ndarray:
        vectors._text_vector.cache_clear()
        return text_vector(text)

    return ask


def test_a_text_is_encoded_once_and_known_to_every_process_while_the_model_is_away(encoder, in_another_process):
    first = text_vector("a truck")
    assert text_vector(" a truck ") is first
    encoder.away = True
    assert (in_another_process("a truck") == first).all()
    assert in_another_process("a truck").dtype == np.float32
    assert encoder.asked == ["a truck"]
    with pytest.raises(ModelUnavailable):
        text_vector("a car")
    encoder.away = False
    assert text_vector("a car").shape == (8,)


def test_a_vector_that_all_share_cannot_be_changed(encoder, in_another_process):
    for vector in (text_vector("a truck"), in_another_process("a truck")):
        with pytest.raises(ValueError, match="read-only"):
            vector[0] = 1


def test_the_same_text_has_a_vector_in_each_space(encoder, in_another_process):
    other = EmbeddingModel.objects.create(name="other", dimensions=8)
    text_vector("a truck")
    text_vector("a truck", other)
    assert encoder.asked == ["a truck", "a truck"]
    assert QueryVector.objects.count() == 2
    other.delete()
    assert QueryVector.objects.count() == 1


def test_the_vector_of_a_model_that_is_not_the_librarys_is_stored_nowhere(encoder):
    gone = EmbeddingModel.objects.create(name="gone", dimensions=8)
    EmbeddingModel.objects.filter(pk=gone.pk).delete()
    for model in (gone, EmbeddingModel(name="none of ours", dimensions=8)):
        assert text_vector("a truck", model).shape == (8,)
    assert not QueryVector.objects.exists()


def test_what_two_processes_encode_at_once_is_stored_once(encoder):
    model = EmbeddingModel.objects.get()
    for _ in range(2):
        vectors._remember(model.pk, b"d" * 32, "a truck", np.float32([1] + [0] * 7))
    assert QueryVector.objects.count() == 1


def test_the_last_use_is_noted_once_a_day(encoder, in_another_process):
    text_vector("a truck")
    long_ago, lately = timezone.now() - timedelta(days=3), timezone.now() - timedelta(hours=23)
    for before, changes in ((long_ago, True), (lately, False)):
        QueryVector.objects.update(used_at=before)
        in_another_process("a truck")
        assert (QueryVector.objects.get().used_at != before) is changes


def test_beyond_the_bound_the_longest_unused_are_forgotten(encoder, monkeypatch):
    monkeypatch.setattr(vectors, "MOST_TEXTS", 3)
    for age, text in enumerate(["new", "newer than most", "kept", "old", "oldest"]):
        text_vector(text)
        QueryVector.objects.filter(text=text).update(used_at=Now() - timedelta(days=age))
    assert forget_least_used() == 2
    assert forget_least_used() == 0
    assert set(QueryVector.objects.values_list("text", flat=True)) == {"new", "newer than most", "kept"}


def test_a_text_is_found_by_an_index_however_long_it_is(encoder, in_another_process):
    text = "long " * 5000
    text_vector(text)
    in_another_process(text)
    assert len(encoder.asked) == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "one_vector_per_query_text" in QueryVector.objects.filter(model_id=1, digest=b"x").explain()
