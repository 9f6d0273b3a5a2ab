"""What the process answers to requests that are wrong, and who may ask at all."""

import stat
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image
from starlette.testclient import TestClient

from search.encoders import ModelUnavailable
from search.encoders.transform import Transform
from search.service import app as web
from search.service.app import make_app
from search.service.batching import Full
from search.service.service import Service
from tests.service.process import running

TRANSFORM = Transform(size=(4, 6))


class Small:
    """A model of 2 dimensions that looks at 4 × 6 pixels."""

    name, dimensions, takes_pictures, takes_text, transform = "small", 2, True, True, TRANSFORM

    def encode_text(self, texts: list[str]) -> np.ndarray:
        if "broken" in texts:
            raise RuntimeError("the model fell over")
        return np.array([[1, 0] for _ in texts], np.float32)

    def encode_pixels(self, pixels: np.ndarray) -> np.ndarray:
        return np.array([[0, 1] for _ in pixels], np.float32)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    def load(name: str) -> Small:
        if name == "missing":
            raise ModelUnavailable("its weights are nowhere")
        return Small()

    monkeypatch.setattr("search.service.service.load", load)
    service = Service(["small", "missing"])
    with TestClient(make_app(service, "secret", preload=[]), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = "Bearer secret"
        client.service = service
        yield client


def test_texts_and_pixels_become_float32_row_by_row(small):
    answer = small.post("/encode/texts?model=small", json={"texts": ["a", "b", "a"]})
    assert np.frombuffer(answer.content, "<f4").reshape(3, 2).tolist() == [[1, 0]] * 3
    answer = small.post("/encode/pixels?model=small", content=TRANSFORM(Image.new("RGB", (9, 9))).tobytes() * 2)
    assert np.frombuffer(answer.content, "<f4").reshape(2, 2).tolist() == [[0, 1]] * 2


def test_descriptions_are_told_apart_from_what_is_searched_with_where_the_model_does(small, monkeypatch):
    asked = {"texts": ["a"], "described": True}
    answer = small.post("/encode/texts", json=asked)
    assert np.frombuffer(answer.content, "<f4").tolist() == [1, 0]
    described = np.array([[0, 1]], np.float32)
    monkeypatch.setattr(Small, "encode_descriptions", lambda self, texts: described, raising=False)
    answer = small.post("/encode/texts", json=asked)
    assert np.frombuffer(answer.content, "<f4").tolist() == [0, 1]
    answer = small.post("/encode/texts", json={"texts": ["a"]})
    assert np.frombuffer(answer.content, "<f4").tolist() == [1, 0]


@pytest.mark.parametrize(
    ("path", "content", "status", "says"),
    [
        ("/encode/texts", b"{", 400, "no JSON"),
        ("/encode/texts", b"\xff\xfe", 400, "no JSON"),
        ("/encode/texts", b"[]", 400, "no JSON object"),
        ("/encode/texts", b"{}", 400, "list of texts"),
        ("/encode/texts", b'{"texts": []}', 400, "list of texts"),
        ("/encode/texts", b'{"texts": "a"}', 400, "list of texts"),
        ("/encode/texts", b'{"texts": ["a", 1]}', 400, "list of texts"),
        ("/encode/texts", b'{"texts": ["\\ud800"]}', 400, "no JSON"),
        ("/encode/texts", b'{"texts": [%s]}' % b",".join([b'"a"'] * 257), 413, "at most 256"),
        ("/encode/texts", b'{"texts": ["%s"]}' % (b"a" * 10_001), 413, "10000 characters"),
        ("/encode/pixels", b"", 400, "4 × 6 × 3 bytes"),
        ("/encode/pixels", b"a" * 73, 400, "4 × 6 × 3 bytes"),
        ("/encode/pixels", b"a" * 72 * 129, 413, "at most 128"),
        ("/encode/texts?model=other", b'{"texts": ["a"]}', 404, "'other'; it serves small, missing"),
        ("/encode/texts?model=openai:x", b'{"texts": ["a"]}', 404, "does not serve"),
        ("/encode/texts?model=missing", b'{"texts": ["a"]}', 503, "its weights are nowhere"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(small, path, content, status, says):
    answer = small.post(path, content=content)
    assert answer.status_code == status
    assert says in answer.json()["error"]


def test_a_body_beyond_the_limit_is_refused_whether_it_says_its_length_or_not(small, monkeypatch):
    monkeypatch.setattr(web, "MAX_BODY", 1000)
    for content in (b"a" * 1001, iter([b"a" * 600, b"a" * 600])):
        assert small.post("/encode/pixels", content=content).status_code == 413


def test_a_full_queue_says_when_to_come_again(small, monkeypatch):
    async def full(*args: object) -> None:
        raise Full(7)

    monkeypatch.setattr(small.service, "texts", full)
    answer = small.post("/encode/texts", json={"texts": ["a"]})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")


def test_a_model_that_falls_over_does_not_end_the_process(small):
    assert small.post("/encode/texts", json={"texts": ["broken"]}).status_code == 500
    assert small.post("/encode/texts", json={"texts": ["a"]}).status_code == 200


def test_a_model_that_takes_a_while_to_load_is_answered_with_a_pause(small, monkeypatch):
    monkeypatch.setattr("search.service.service.LOADING_SECONDS", 0.01)
    monkeypatch.setattr("search.service.service.load", lambda name: time.sleep(0.2) or Small())
    answer = small.post("/encode/texts", json={"texts": ["a"]})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "being loaded" in answer.json()["error"]
    monkeypatch.setattr("search.service.service.LOADING_SECONDS", 5)
    assert small.post("/encode/texts", json={"texts": ["a"]}).status_code == 200


def test_the_model_that_was_not_used_for_longest_makes_room(monkeypatch):
    monkeypatch.setattr("search.service.service.load", lambda name: Small())
    with TestClient(make_app(Service(["*"]), "", preload=[])) as client:
        for name in ("a", "b", "c", "d", "a", "e"):
            assert client.post(f"/encode/texts?model={name}", json={"texts": ["x"]}).status_code == 200
        assert list(client.get("/health").json()["models"]) == ["c", "d", "a", "e"]


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer wrong", "Bearer secre", "Basic secret", "Bearer sécret"]
)
@pytest.mark.parametrize("path", ["/health", "/model", "/encode/texts", "/encode/pixels"])
def test_without_the_token_nothing_is_told(small, path, authorization):
    headers = {"Authorization": authorization.encode("latin-1")}
    method = "GET" if path in ("/health", "/model") else "POST"
    answer = small.request(method, path, headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "small" not in answer.text


def test_whether_it_lives_may_be_asked_without_a_token(small):
    del small.headers["Authorization"]
    assert small.get("/livez").json() == {"status": "ok"}


@pytest.mark.parametrize("bind", ["0.0.0.0:8999", "[::]:8999", "192.0.2.1:8999", "models.example:8999"])
def test_it_does_not_listen_where_others_are_without_a_token(bind, settings):
    settings.DAM_ENCODER_TOKEN = ""
    with pytest.raises(CommandError, match="DAM_ENCODER_TOKEN"):
        call_command("encoder", bind=bind)


@pytest.mark.parametrize(
    "bind", ["unix:", "unix:/" + "long/" * 40 + "socket", "localhost", "host:port", "ftp://host:1"]
)
def test_an_address_where_nothing_can_listen_is_refused(bind):
    with pytest.raises(CommandError):
        call_command("encoder", bind=bind)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    (tmp_path / "notes").write_text("keep")
    with pytest.raises(CommandError, match="no socket"):
        call_command("encoder", bind=f"unix:{tmp_path / 'notes'}")
    assert (tmp_path / "notes").read_text() == "keep"


def test_only_its_user_may_connect_a_second_one_is_refused_and_a_dead_ones_socket_is_replaced():
    with running() as encoder:
        path = Path(encoder.url.removeprefix("unix:"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(CommandError, match="listens at"):
            call_command("encoder", bind=encoder.url)
        encoder.kill()
        assert path.exists()
        encoder.start()
        encoder.wait()
        started = time.monotonic()
        encoder.process.terminate()
        assert encoder.process.wait(10) == 0
        assert time.monotonic() - started < 5
        assert not path.exists()
