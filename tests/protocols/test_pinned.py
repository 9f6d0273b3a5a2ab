"""A service that answers with other vectors than at the beginning is not used: no space is mixed from two."""

import base64
import hashlib
import io
import time

import numpy as np
import pytest
from django.core.files.base import ContentFile
from PIL import Image

from assets.ledger import State
from assets.models import Asset
from assets.preparation import prepare_batch
from search import query_pictures
from search.embedding import embed_batch
from search.encoders import ModelUnavailable
from search.encoders.remote import base, canary
from search.encoders.remote.openai import OpenAIEncoder
from search.encoders.remote.roboflow import RoboflowEncoder
from search.models import Embedding, EmbeddingModel, RemoteModel, register_model
from tests.conftest import draw
from tests.protocols.stub import DIMENSIONS, Answer, openai, vector_of


def other_vectors(request):
    return [vector_of(f"other {text}") for text in request["input"]]


def a_little_different(request):
    vectors = np.array([vector_of(text) for text in request["input"]])
    return (vectors + 0.005 * np.abs(vectors).max() * np.sin(np.arange(vectors.shape[1]))).tolist()


@pytest.fixture
def kept(encoder):
    """The stub's space, with vectors in the library."""
    return EmbeddingModel.objects.create(name=encoder.name, dimensions=DIMENSIONS, embeds="description")


def test_the_vectors_of_the_beginning_are_kept(encoder):
    row = RemoteModel.objects.get(name="openai:small")
    assert row.pinned_at
    assert row.picture_canary is None
    expected = np.array(vector_of(canary.TEXT))
    assert row.text_canary == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


@pytest.mark.usefixtures("kept")
def test_other_vectors_at_the_next_start_stop_it(stub, caplog):
    stub.vectors = other_vectors
    with pytest.raises(ModelUnavailable, match="other vectors than when it was set up"):
        OpenAIEncoder("openai:small").encode_text(["a"])
    assert "the cosine to the vector of the beginning is" in caplog.text
    assert [request["input"] for _path, _headers, request in stub.asked] == [[canary.TEXT]]
    with pytest.raises(ModelUnavailable, match="other vectors"):  # and nobody is asked again for a while
        OpenAIEncoder("openai:small").encode_text(["a"])
    assert len(stub.asked) == 1


@pytest.mark.usefixtures("kept")
def test_other_vectors_after_a_day_stop_it(encoder, stub, monkeypatch):
    stub.vectors = other_vectors
    assert encoder.encode_text(["a"]).shape == (1, DIMENSIONS)
    now = time.monotonic()
    monkeypatch.setattr(base.time, "monotonic", lambda: now + base.CHECKED_FOR + 1)
    with pytest.raises(ModelUnavailable, match="other vectors"):
        encoder.encode_text(["a"])


@pytest.mark.usefixtures("kept")
def test_other_dimensions_stop_it(stub, caplog):
    stub.vectors = lambda request: [[1.0, 2.0, 3.0] for _text in request["input"]]
    with pytest.raises(ModelUnavailable, match="other vectors than when it was set up"):
        OpenAIEncoder("openai:small").encode_text(["a"])
    assert "3 dimensions instead of 6" in caplog.text


@pytest.mark.usefixtures("kept")
def test_the_rounding_of_other_hardware_does_not(stub):
    stub.vectors = a_little_different
    assert OpenAIEncoder("openai:small").encode_text(["a"]).shape == (1, DIMENSIONS)


@pytest.mark.usefixtures("kept")
def test_it_is_used_again_once_it_answers_as_before(encoder, stub):
    stub.vectors = other_vectors
    again = OpenAIEncoder("openai:small")
    with pytest.raises(ModelUnavailable):
        again.encode_text(["a"])
    stub.vectors = openai
    again._calls._resting_until = 0
    assert again.encode_text(["a"]).shape == (1, DIMENSIONS)


def test_without_a_kept_vector_a_new_service_is_a_new_beginning(encoder, stub):
    stub.vectors = lambda request: [[1.0, 2.0, 3.0] for _text in request["input"]]
    assert OpenAIEncoder("openai:small").dimensions == 3
    assert len(RemoteModel.objects.get(name="openai:small").text_canary) == 3


# --- A worker with such a service -----------------------------------------------------------------------------------


@pytest.fixture
def pictures_stub(stub, settings, monkeypatch):
    """The stub as Roboflow's server."""
    settings.DAM_ROBOFLOW_URL = stub.url
    stub.wrap = lambda vectors: {"embeddings": vectors, "time": 0.1}
    stub.vectors = lambda request: [vector_of(str(item)) for item in request.get("text") or request["image"]]
    monkeypatch.setattr("search.models.EmbeddingModel.create_index", lambda model: None)  # inside a transaction
    return stub


@pytest.fixture
def owed(pictures_stub, make_asset):
    """An asset that waits for its vector from the stub."""
    model, _new = register_model("roboflow:ViT-B-16")
    asset = make_asset()
    prepare_batch()
    Embedding.objects.filter(asset=asset).update(
        state=State.PENDING, attempts=0, leased_until=None, vector=None, problem=""
    )
    assert Asset.objects.get().state == State.READY
    pictures_stub.asked.clear()
    return Embedding.objects.get(asset=asset, model=model)


def test_a_picture_gets_its_vector(owed, pictures_stub):
    embed_batch()
    owed.refresh_from_db()
    assert owed.state == State.READY
    assert np.linalg.norm(owed.vector) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"down", 503),
        Answer(b"no", 403),
        Answer(b"<html>", headers={"Content-Type": "text/html"}),
        Answer({"embeddings": [[1.0, 2.0]]}),
        Answer({"embeddings": [[1.0] * 6] * 2}),
        Answer({"embeddings": [[1.0] * 6]}, missing=99),
    ],
)
def test_after_a_wrong_answer_nothing_is_stored_and_the_row_waits(owed, pictures_stub, answer):
    pictures_stub.answers = [answer] * 3
    embed_batch()
    owed.refresh_from_db()
    assert (owed.state, owed.attempts, owed.vector) == (State.PENDING, 0, None)


@pytest.mark.parametrize("vector", [[0.0] * 6, [float("nan")] * 6])
def test_a_picture_that_has_no_vector_is_said_so_at_its_row(owed, pictures_stub, vector):
    pictures_stub.answers = [Answer({"embeddings": [vector]})]
    embed_batch()
    owed.refresh_from_db()
    assert (owed.attempts, owed.vector) == (1, None)
    assert "vector" in owed.problem


@pytest.mark.parametrize("vector", [[0.0] * 6, [float("nan")] * 6])
def test_a_service_that_has_no_vector_for_any_picture_is_waited_for(owed, pictures_stub, vector):
    whole = pictures_stub.vectors
    pictures_stub.vectors = lambda request: [vector] if "image" in request else whole(request)
    embed_batch()
    owed.refresh_from_db()
    assert (owed.state, owed.attempts, owed.vector) == (State.PENDING, 0, None)


def test_pictures_travel_scaled_and_in_batches(pictures_stub, settings, db):
    settings.DAM_REMOTE_PICTURE_SIDE = 64
    encoder = RoboflowEncoder("roboflow:ViT-B-16")
    encoder.encode_images([Image.new("RGB", (400 + number, 200)) for number in range(11)])
    batches = [request["image"] for path, _headers, request in pictures_stub.asked if path == "/clip/embed_image"]
    assert [len(batch) for batch in batches[1:]] == [8, 3]
    with Image.open(io.BytesIO(base64.b64decode(batches[1][0]["value"]))) as sent:
        assert (sent.format, sent.size) == ("PNG", (128, 64))


def test_pictures_can_travel_as_jpeg(pictures_stub, settings, db):
    settings.DAM_REMOTE_PICTURE_FORMAT = "jpeg"
    RoboflowEncoder("roboflow:ViT-B-16").encode_images([Image.new("RGB", (40, 20))])
    assert pictures_stub.asked[-1][2]["image"][0]["value"].startswith("/9j/")


def test_the_fixed_picture_never_changes():
    assert hashlib.sha256(canary.picture().tobytes()).hexdigest()[:16] == "c91a441f455217fe"


def test_a_query_picture_that_has_no_vector_is_said_so(pictures_stub, db):
    model, _new = register_model("roboflow:ViT-B-16")
    token = query_pictures.keep(ContentFile(draw(), name="a.png"))
    pictures_stub.answers = [Answer({"embeddings": [[float("nan")] * 6]})]
    with pytest.raises(query_pictures.UnusablePicture, match="No vector can be made of this picture"):
        query_pictures.vector(query_pictures.find(token), model)
    assert query_pictures.vector(query_pictures.find(token), model).shape == (6,)
