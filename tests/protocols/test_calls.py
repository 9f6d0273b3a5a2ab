"""A service elsewhere is slow, down, wrong or expensive: each is said clearly, bounded in time and in number."""

import threading
import time
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from search.encoders import ModelUnavailable, Unsupported
from search.encoders.remote import calls
from search.encoders.remote.openai import OpenAIEncoder
from search.models import RemoteModel
from tests.protocols.conftest import KEY
from tests.protocols.stub import DIMENSIONS, Answer, vector_of


def test_vectors_come_in_order_and_of_length_1(encoder, stub):
    stub.wrap = lambda vectors: {
        "data": [{"embedding": vector, "index": number} for number, vector in reversed(list(enumerate(vectors)))]
    }
    texts = [f"text {number}" for number in range(70)]
    vectors = encoder.encode_text(texts)
    assert (vectors.shape, vectors.dtype) == ((70, DIMENSIONS), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    expected = np.array([vector_of(text) for text in texts])
    assert vectors == pytest.approx(expected / np.linalg.norm(expected, axis=1, keepdims=True), abs=1e-6)
    assert [len(request["input"]) for _path, _headers, request in stub.asked] == [32, 32, 6]


def test_the_key_goes_where_the_protocol_has_it(encoder, stub):
    encoder.encode_text(["a"])
    path, headers, request = stub.asked[0]
    assert (path, headers["Authorization"], request["model"]) == ("/v1/embeddings", f"Bearer {KEY}", "small")


def test_no_texts_are_no_request(encoder, stub):
    assert encoder.encode_text([]).shape == (0, DIMENSIONS)
    assert not stub.asked


def test_a_service_of_texts_takes_no_pictures(encoder):
    with pytest.raises(Unsupported):
        encoder.encode_images([])


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(encoder, stub, status):
    stub.answers = [Answer(b"busy", status), Answer(b"busy", status)]
    assert encoder.encode_text(["a"]).shape == (1, DIMENSIONS)
    assert len(stub.asked) == 3


def test_it_is_tried_three_times_and_not_for_ever(encoder, stub):
    stub.answers = [Answer(b"down", 503)] * 10
    with pytest.raises(ModelUnavailable, match="answered with status 503"):
        encoder.encode_text(["a"])
    assert len(stub.asked) == 3


def test_retry_after_is_waited_for(encoder, stub):
    stub.answers = [Answer(b"busy", 429, {"Retry-After": "1"})]
    start = time.monotonic()
    encoder.encode_text(["a"])
    assert 1 <= time.monotonic() - start < 4


def test_a_retry_after_that_is_too_long_is_obeyed_by_all_calls_that_follow(encoder, stub):
    stub.answers = [Answer(b"quota", 429, {"Retry-After": "600"})]
    start = time.monotonic()
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="status 429"):
            encoder.encode_text(["a"])
    assert len(stub.asked) == 1
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "retry_after", ["soon", "-5", "1e999", "99999999999999999999", "Wed, 21 Oct 2015 07:28:00 GMT"]
)
def test_a_retry_after_that_says_nothing_does_no_harm(encoder, stub, retry_after):
    stub.answers = [Answer(b"quota", 429, {"Retry-After": retry_after})]
    try:
        encoder.encode_text(["a"])
    except ModelUnavailable as error:
        assert "429" in str(error)  # noqa: PT017


def test_a_service_that_hangs_is_given_up_in_time(encoder, stub, settings):
    settings.DAM_REMOTE_TIMEOUT = 0.3
    stub.hang = True
    start = time.monotonic()
    with pytest.raises(ModelUnavailable, match=r"did not answer within 0\.3 s"):
        encoder.encode_text(["a"])
    assert time.monotonic() - start < 2


def test_after_five_failures_nobody_asks_until_one_call_tries(encoder, stub, monkeypatch):
    stub.answers = [Answer(b"down", 503)] * 5
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="503"):
            encoder.encode_text(["a"])
    assert len(stub.asked) == 5
    with pytest.raises(ModelUnavailable, match=r"503\. It is asked again in \d+ s"):
        encoder.encode_text(["a"])
    assert len(stub.asked) == 5
    encoder._calls._resting_until = time.monotonic()
    assert encoder.encode_text(["a"]).shape == (1, DIMENSIONS)
    assert encoder.encode_text(["b"]).shape == (1, DIMENSIONS)


def test_while_one_call_tries_the_others_do_not_wait_for_it(encoder, stub):
    stub.answers = [Answer(b"down", 503)] * 5
    for _ in range(2):
        with pytest.raises(ModelUnavailable):
            encoder.encode_text(["a"])
    encoder._calls._resting_until = time.monotonic()
    inside, go_on = threading.Event(), threading.Event()

    def trial() -> str:
        inside.set()
        go_on.wait(10)
        return "answer"

    answers = []
    thread = threading.Thread(target=lambda: answers.append(_without_counting(encoder._calls, trial)))
    thread.start()
    assert inside.wait(10)
    with pytest.raises(ModelUnavailable):
        encoder.encode_text(["a"])
    go_on.set()
    thread.join()
    assert answers == ["answer"]


def _without_counting(record, attempt):
    """``make`` in another thread, which has no part in the test's transaction."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calls, "count_request", lambda name, cap: True)
        return record.make(attempt)


def test_the_cap_of_a_day_holds_for_all_processes_and_ends_with_the_day(encoder, stub, settings):
    settings.DAM_REMOTE_DAILY_CAP = RemoteModel.objects.get(name="openai:small").requests + 2
    OpenAIEncoder("openai:small")._calls.make(lambda: None)
    encoder._calls.make(lambda: None)
    with pytest.raises(ModelUnavailable, match="asked again tomorrow"):
        encoder.encode_text(["a"])
    assert not stub.asked
    RemoteModel.objects.update(day=timezone.now().date() - timedelta(days=1))
    encoder.encode_text(["a"])
    assert RemoteModel.objects.get(name="openai:small").requests == 1


def test_tries_count_for_the_cap(encoder, stub):
    before = RemoteModel.objects.get(name="openai:small").requests
    stub.answers = [Answer(b"busy", 503)] * 2
    encoder.encode_text(["a"])
    assert RemoteModel.objects.get(name="openai:small").requests == before + 3


def test_a_cap_of_0_is_none(encoder, stub, settings):
    settings.DAM_REMOTE_DAILY_CAP = 0
    encoder.encode_text(["a"])
    assert stub.asked


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(b"<html>Sign in</html>", headers={"Content-Type": "text/html"}), "something else than JSON"),
        (Answer({"data": [{"embedding": [1, 2, 3], "index": 0}]}), "3 dimensions instead of 6"),
        (Answer({"data": [{"embedding": [0] * 6, "index": 0}]}), "a vector of length 0"),
        (Answer({"data": [{"embedding": [float("nan")] * 6, "index": 0}]}), "not finite"),
        (Answer({"data": [{"embedding": [1e999] * 6, "index": 0}]}), "not finite"),
        (Answer({"data": [{"embedding": ["1"] * 6, "index": 0}]}), "something else than lists of numbers"),
        (Answer({"data": [{"embedding": [None] * 6, "index": 0}]}), "something else than lists of numbers"),
        (Answer({"data": [{"embedding": [[1] * 6], "index": 0}]}), "something else than lists of numbers"),
        (Answer({"data": []}), "something else than lists of numbers"),
        (Answer({"data": [{"embedding": [1] * 6, "index": n} for n in range(2)]}), "2 vectors instead of 1"),
        (Answer({"data": [{"embedding": [1] * 6}]}), "without index"),
        (Answer({"data": [7]}), "without index"),
        (Answer({"data": None}), "without data"),
        (Answer([1, 2]), "without data"),
        (Answer({"data": [{"embedding": [1] * 6, "index": 0}]}, missing=500), "broke the connection off"),
        (Answer(b"\xff\xfe\x00"), "something else than JSON"),
        (Answer(b"{" * 100_000), "something else than JSON"),
        (Answer(f"Incorrect key {KEY}".encode(), 401), "answered with status 401"),
        (Answer(b"", 302, {"Location": "http://127.0.0.1:1/"}), "status 302"),
    ],
)
def test_a_wrong_answer_is_refused_with_what_is_wrong(encoder, stub, answer, says, caplog):
    stub.answers = [answer] * 3
    with pytest.raises(ModelUnavailable, match=says) as refusal:
        encoder.encode_text(["a"])
    assert KEY not in str(refusal.value) + caplog.text
    assert "Incorrect" not in str(refusal.value)
    assert answer.status != 401 or "said: Incorrect key …" in caplog.text
    stub.answers.clear()
    assert encoder.encode_text(["a"]).shape == (1, DIMENSIONS)


def test_a_service_that_is_not_there_is_said_so(settings, db):
    settings.DAM_OPENAI_URL = "http://127.0.0.1:9"
    with pytest.raises(ModelUnavailable, match=r"openai:small \(127\.0\.0\.1\) cannot be reached"):
        OpenAIEncoder("openai:small").encode_text(["a"])


@pytest.mark.parametrize("url", ["", "example.com", "ftp://example.com", "http://"])
def test_an_address_that_is_none_names_its_setting(settings, url):
    settings.DAM_OPENAI_URL = url
    with pytest.raises(ModelUnavailable, match="DAM_OPENAI_URL"):
        OpenAIEncoder("openai:small")


def test_a_key_in_an_address_stands_in_no_message(settings, db, caplog):
    settings.DAM_OPENAI_URL = f"http://somebody:{KEY}@127.0.0.1:9/?key={KEY}"
    with pytest.raises(ModelUnavailable) as refusal:
        OpenAIEncoder("openai:small").encode_text(["a"])
    assert KEY not in str(refusal.value) + caplog.text


def test_a_name_without_a_model_is_refused():
    with pytest.raises(ModelUnavailable, match="names no model"):
        OpenAIEncoder("openai")


def test_a_long_text_is_cut_and_not_refused(encoder, stub):
    encoder.encode_text(["x" * 100_000])
    assert len(stub.asked[0][2]["input"][0]) == 2000
