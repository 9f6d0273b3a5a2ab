"""The encoder process is killed, hangs, is full or comes back as somebody else: nobody waits long, nothing is lost."""

import time
import uuid
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db.models.functions import Now
from django.test import Client
from PIL import Image

import search.tasks
from assets.ledger import State
from assets.models import Asset
from search.embedding import embed_batch
from search.encoders import ModelUnavailable, get_encoder, service
from search.models import Embedding, EmbeddingModel
from search.vectors import text_vector
from tests.admin.conftest import LIST, told
from tests.service.process import EncoderProcess
from tests.support.processes import wait_until, worker

MODEL = "emoji-scenes"
MANY = 120


def new_text() -> str:
    return f"a truck {uuid.uuid4()}"


@pytest.fixture
def library(bundled_model: EmbeddingModel, make_asset: Any, public: None) -> Asset:
    """One asset with a vector, which everybody may look at."""
    asset = make_asset("truck.png")
    Asset.objects.update(state=State.READY)
    Embedding.objects.update_or_create(
        asset=asset, model=bundled_model, defaults={"vector": [1.0] + [0.0] * 511, "state": State.READY}
    )
    return asset


def hasty(settings: Any) -> None:
    """With the patience of the web process, or less."""
    settings.DAM_ENCODER_SECONDS = 1.0


def test_a_search_is_told_that_the_encoder_is_away_and_what_was_asked_before_is_answered(
    own_process: EncoderProcess, library: Asset, client: Client, editor: Any
) -> None:
    known = new_text()
    assert client.get("/", {"q": known}).status_code == 200
    own_process.kill()
    for path, parameters in (("/", {"q": new_text()}), ("/api/v1/assets/", {"semantic": new_text()})):
        started = time.monotonic()
        answer = client.get(path, parameters)
        assert time.monotonic() - started < 3
        assert answer.status_code == 503, path
        assert "The encoder is not running" in answer.content.decode()
        assert own_process.url.removeprefix("unix:") not in answer.content.decode()
    client.force_login(editor)
    listed = client.get(LIST, {"q": new_text()})
    assert listed.status_code == 200
    assert "The encoder is not running" in told(listed)

    text_vector.__globals__["_text_vector"].cache_clear()  # as another process, or this one after a restart
    assert client.get("/", {"q": known}).status_code == 200
    assert client.get("/api/v1/assets/", {"semantic": known}).json()["results"][0]["id"] == library.pk

    own_process.start()
    own_process.wait()
    assert client.get("/", {"q": new_text()}).status_code == 200


def test_a_hung_encoder_holds_up_one_request_for_a_moment_and_the_next_not_at_all(
    own_process: EncoderProcess, library: Asset, client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty(settings)
    assert client.get("/", {"q": new_text()}).status_code == 200
    with own_process.hung():
        started = time.monotonic()
        answer = client.get("/", {"q": new_text()})
        assert time.monotonic() - started < 3
        assert answer.status_code == 503
        assert "The encoder does not answer" in answer.content.decode()
        started = time.monotonic()
        assert client.get("/api/v1/assets/", {"semantic": new_text()}).status_code == 503
        assert time.monotonic() - started < 0.5
    monkeypatch.setattr(service._connected(own_process.url, ""), "_resting_until", 0.0)  # as after REST_SECONDS
    wait_until(lambda: client.get("/", {"q": new_text()}).status_code == 200, "the encoder to go on", seconds=20)


def test_an_encoder_that_hangs_before_it_was_ever_asked_holds_up_nobody_either(
    own_process: EncoderProcess, library: Asset, client: Client, settings: Any
) -> None:
    hasty(settings)
    with own_process.hung():
        started = time.monotonic()
        assert client.get("/", {"q": new_text()}).status_code == 503
        assert time.monotonic() - started < 3


def test_rows_wait_for_an_encoder_that_is_away_and_lose_no_attempt(
    own_process: EncoderProcess, library: Asset, settings: Any
) -> None:
    owed = Embedding.objects.filter(asset=library)
    owed.update(state=State.PENDING, vector=None, attempts=0, leased_until=None)
    give = {(library.pk, 0): Image.new("RGB", (64, 48), "red")}
    own_process.kill()
    embed_batch(give)
    row = owed.get()
    assert (row.state, row.attempts, row.problem) == (State.PENDING, 0, "")
    own_process.start()
    own_process.wait()
    owed.update(leased_until=Now() - timedelta(seconds=1))
    embed_batch(give)
    assert owed.get().state == State.READY


@pytest.mark.django_db(transaction=True)
def test_an_encoder_killed_in_the_middle_of_an_ingest_delays_it_and_loses_nothing(
    own_process: EncoderProcess, bundled_model: EmbeddingModel, make_asset: Any, tmp_path: Any
) -> None:
    def ready() -> int:
        return Embedding.objects.filter(state=State.READY).count()

    for _ in range(MANY):
        make_asset()
    with worker(tmp_path, DAM_ENCODER_URL=own_process.url, DAM_ENCODER_SECONDS="5"):
        search.tasks.sweep()
        wait_until(lambda: 0 < ready() < MANY, "the first vectors")
        own_process.kill()
        wait_until(
            lambda: Embedding.objects.filter(state=State.PENDING, leased_until__gt=Now(), attempts=0).exists(),
            "rows to wait",
        )
        assert not Embedding.objects.filter(state=State.QUARANTINED).exists()
        own_process.start()

        def is_complete() -> bool:
            search.tasks.sweep()
            return ready() == MANY

        wait_until(is_complete, "every vector", seconds=90)
    assert Embedding.objects.filter(vector__isnull=False).count() == MANY
    assert not Embedding.objects.exclude(problem="").exists()


def test_another_model_behind_the_same_name_writes_nothing_and_answers_nothing(
    through_the_process: EncoderProcess, library: Asset, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = get_encoder(MODEL)
    when, learned = time.monotonic(), encoder._description  # type: ignore[attr-defined]
    monkeypatch.setattr(encoder, "_learned", (when, learned | {"dimensions": 384}))
    with pytest.raises(ModelUnavailable, match="another model under the name emoji-scenes"):
        encoder.encode_text(["a", "b"])
    answer = client.get("/", {"q": new_text()})
    assert answer.status_code == 503
    assert "it is another model" in answer.content.decode()
    monkeypatch.setattr(encoder, "_learned", (when - service.LEARNED_SECONDS - 1, learned | {"dimensions": 384}))
    assert client.get("/", {"q": new_text()}).status_code == 200  # it is asked again what it is


def test_who_waits_for_room_gets_it_and_who_cannot_wait_is_told(
    through_the_process: EncoderProcess, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = get_encoder(MODEL)
    assert encoder.dimensions
    client = service._connected(through_the_process.url, "")._client
    answer, full = client.request, [3]

    def request(method: str, path: str, **body: Any) -> Any:
        if full[0]:
            full[0] -= 1
            return service.httpx2.Response(503, headers={"Retry-After": "1"}, json={"error": "full"})
        return answer(method, path, **body)

    monkeypatch.setattr(client, "request", request)
    pauses: list[float] = []
    monkeypatch.setattr(service.time, "sleep", pauses.append)
    assert encoder.encode_text([new_text()]).shape == (1, 512)
    assert pauses == [1, 1, 1]
    full[0], settings.DAM_ENCODER_SECONDS = 3, 0.5
    with pytest.raises(ModelUnavailable, match="full"):
        encoder.encode_text([new_text()])
    assert pauses == [1, 1, 1]


@pytest.mark.parametrize("answer", [b"", b"abc", np.zeros((1, 512), "<f4").tobytes(), np.full((1, 512), np.nan, "<f4")])
def test_what_is_no_vector_is_not_taken_for_one(
    through_the_process: EncoderProcess, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    encoder = get_encoder(MODEL)
    assert encoder.dimensions
    client = service._connected(through_the_process.url, "")._client
    monkeypatch.setattr(client, "request", lambda *_, **__: service.httpx2.Response(200, content=bytes(answer)))
    with pytest.raises(ModelUnavailable):
        encoder.encode_text([new_text()])


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"takes_pictures": true, "transform": {"zoom": 1}}'])
def test_an_address_where_something_else_answers_is_said_so(
    through_the_process: EncoderProcess, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    client = service._process()._client
    monkeypatch.setattr(client, "request", lambda *_, **__: service.httpx2.Response(200, content=answer))
    with pytest.raises(ModelUnavailable, match="no encoder of this version"):
        assert get_encoder(MODEL).dimensions
