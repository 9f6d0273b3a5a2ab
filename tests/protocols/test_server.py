"""What our encoder process answers to requests that are wrong, hostile or from strangers, in each protocol's words."""

import base64
import io
import json
import struct
import zlib
from typing import Any

import pytest
import requests
from PIL import Image

from search.service.bodies import BadRequest, TooLarge
from search.service.protocols import pictures
from search.service.protocols.common import model_of
from search.service.service import Service
from tests.protocols.server import MODEL, Server
from tests.support import coroutines


def png(width: int = 40, height: int = 30) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def bomb() -> bytes:
    """Return a PNG of 50,000 × 50,000 pixels in few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


HOSTILE = {
    "nothing": b"",
    "text": b"hello",
    "half a picture": png(400, 300)[:150],
    "bomb": bomb(),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "noise": bytes(range(256)) * 40,
}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def ask(server: Server):
    def ask(path: str, content: Any, **options: Any) -> requests.Response:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        head = {"Authorization": f"Bearer {server.token}"} | options.pop("headers", {})
        return requests.post(server.url + path, data=data, headers=head, timeout=60, **options)

    return ask


def message(answer: requests.Response) -> str:
    """Return an error's words from where the protocol has them."""
    content = answer.json()
    if "header" in content:
        return content["header"]["status"]["description"]
    if isinstance(content.get("error"), dict):
        return content["error"]["message"]
    return content.get("message") or content["error"]


PATHS = [
    "/post", "/clip/embed_text", "/clip/embed_image", "/clip/compare", "/invocations", f"/models/{MODEL}",
    "/pipeline/feature-extraction", "/v1/embeddings",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"7", b"null", b"{}", b"[" * 5000,
     b'{"data": 1, "input": 1, "inputs": 1, "text": 1}',
     b'{"data": [1], "input": [1], "inputs": [[1]], "text": [null], "image": 7, "subject": {}, "prompt": 1}',
     b'{"data": [], "input": [], "inputs": [], "text": [], "image": [], "subject": [], "prompt": []}',
     b'{"model": 7, "clip_version_id": 7, "execEndpoint": {}, "input": "a", "text": "a", "data": [{"blob": 7}]}',
     b'{"data": [{"uri": 7}], "image": {"type": "base64", "value": 7}, "subject_type": [], "prompt_type": {}}',
     b'{"data": [{"text": 7}], "parameters": [], "encoding_format": "x", "inputs": ["\\ud800"]}'],
)  # fmt: skip
def test_a_malformed_request_is_the_clients_mistake_and_said_so(ask, path, content):
    answer = ask(path, content)
    assert 400 <= answer.status_code < 500, answer.text
    assert message(answer)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_bytes_are_refused_in_words(ask, kind):
    data = HOSTILE[kind]
    answers = [
        ask("/post", {"data": [{"text": "a"}, {"blob": b64(data) or "="}], "execEndpoint": "/"}),
        ask("/clip/embed_image", {"image": {"type": "base64", "value": b64(data)}}),
        ask("/clip/compare", {"subject": {"type": "base64", "value": b64(data)}, "prompt": "a"}),
        ask("/invocations", data, headers={"Content-Type": "image/png"}),
    ]
    for answer in answers:
        assert answer.status_code == 400, answer.text
        assert "decode" in message(answer) or "base64" in message(answer), message(answer)
        assert "/tmp" not in message(answer)
    assert ask("/invocations", png(), headers={"Content-Type": "image/png"}).status_code == 200


def test_a_mistake_names_its_document(ask):
    for document, says in (
        ({"blob": "no base64!"}, "blob of document 1"),
        ({"uri": "file:///etc/passwd"}, "uri of document 1"),
        ({"uri": "data:text/html,hello"}, "uri of document 1"),
        ({"tensor": [[1]]}, r"data[1].tensor"),
    ):
        answer = ask("/post", {"data": [{"text": "a"}, document]})
        assert answer.status_code == 400
        assert says in message(answer)


def test_addresses_of_the_network_are_not_fetched(ask):
    for address in ("http://169.254.169.254/latest/meta-data/", "https://example.com/a.png"):
        for answer in (
            ask("/post", {"data": [{"uri": address}]}),
            ask("/clip/embed_image", {"image": {"type": "url", "value": address}}),
        ):
            assert answer.status_code == 400
            assert "fetches nothing" in message(answer)


def test_a_pickled_array_is_not_opened(ask):
    answer = ask("/clip/embed_image", {"image": {"type": "numpy", "value": b64(b"cos\nsystem\n(S'true'\ntR.")}})
    assert (answer.status_code, "base64 or url" in message(answer)) == (400, True)


def test_where_it_is_allowed_only_the_public_internet_is_fetched(settings, monkeypatch):
    settings.DAM_ENCODER_FETCH = True
    for address in ("http://127.0.0.1/a.png", "http://169.254.169.254/", "http://[::1]/"):
        with pytest.raises(BadRequest, match="not found on the public internet"):
            coroutines.run(pictures.from_uris([(address, "data[0]")]))
    asked = []
    monkeypatch.setattr(pictures.remote, "fetch", lambda url, **limits: asked.append(limits) or png())
    found = coroutines.run(
        pictures.from_uris([("https://example.com/a.png", ""), (f"data:image/png;base64,{b64(b'x')}", "")])
    )
    assert found == [png(), b"x"]
    assert asked == [{"most_bytes": pictures.MOST_BYTES, "seconds": pictures.SECONDS_TO_FETCH}]
    with pytest.raises(TooLarge):
        coroutines.run(pictures.from_uris([("https://example.com/a.png", "")] * 17))


@pytest.mark.parametrize("path", PATHS)
def test_too_much_is_refused(ask, server, path):
    many = ["a"] * 257
    request = {
        "data": [{"text": "a"}] * 257, "input": many, "inputs": many, "text": many, "prompt": many,
        "subject": "a", "subject_type": "text", "image": [{"type": "base64", "value": b64(png())}] * 129,
    }  # fmt: skip
    assert ask(path, request).status_code == 413
    with requests.Session() as session:  # a length that is promised is enough
        head = {"Authorization": f"Bearer {server.token}", "Content-Length": str(10**12)}
        prepared = requests.Request("POST", server.url + path, headers=head).prepare()
        prepared.headers["Content-Length"] = str(10**12)
        assert session.send(prepared, timeout=30).status_code == 413


@pytest.mark.parametrize("path", [*PATHS, "/v1/models"])
def test_without_the_token_nothing_is_answered(server, path):
    for options in ({}, {"headers": {"Authorization": "Bearer wrong"}}, {"params": {"api_key": "wrong"}}):
        method = "GET" if path == "/v1/models" else "POST"
        answer = requests.request(method, server.url + path, json={"api_key": "wrong"}, timeout=30, **options)
        assert answer.status_code == 401, answer.text
        assert message(answer) == "The token is missing or wrong."


def test_each_place_of_a_token_is_looked_at(server):
    token = server.token
    for options in (
        {"headers": {"Authorization": f"Bearer {token}"}}, {"headers": {"Authorization": token}},
        {"headers": {"X-API-Key": token}}, {"headers": {"X-Amz-Security-Token": token}}, {"params": {"api_key": token}},
    ):  # fmt: skip
        answer = requests.post(f"{server.url}/v1/embeddings", json={"input": "a"}, timeout=30, **options)
        assert answer.status_code == 200, options
    answer = requests.post(f"{server.url}/clip/embed_text", json={"text": "a", "api_key": token}, timeout=30)
    assert answer.status_code == 200
    # Elsewhere a token in the body is none.
    assert (
        requests.post(f"{server.url}/v1/embeddings", json={"input": "a", "api_key": token}, timeout=30).status_code
        == 401
    )


def test_a_document_without_anything_has_no_vector(ask):
    data = ask("/post", {"data": [{"id": "one"}, {"text": "a"}, {"text": ""}]}).json()["data"]
    assert [document["embedding"] is None for document in data] == [True, False, True]
    assert data[0]["id"] == "one"


def test_a_data_uri_is_a_picture_and_does_not_travel_back(ask):
    uri = f"data:image/png;base64,{b64(png())}"
    first, second = ask("/post", {"data": [{"uri": uri}, {"blob": b64(png())}], "execEndpoint": "/encode"}).json()[
        "data"
    ]
    assert first["embedding"] == second["embedding"]
    assert first["uri"] is second["blob"] is None


def test_ranking_wants_matches(ask):
    for data in ([{"text": "a"}], [{"text": "a", "matches": [{}]}], [{"matches": [{"text": "a"}]}]):
        assert ask("/post", {"data": data, "execEndpoint": "/rank"}).status_code == 400
    assert "/encode and /rank" in message(ask("/post", {"data": [{"text": "a"}], "execEndpoint": "/index"}))


def test_compare_takes_prompts_with_names(ask):
    picture = {"type": "base64", "value": b64(png())}
    request = {"subject": picture, "prompt": {"red": "a red thing", "teal": "a teal thing"}, "clip_version_id": MODEL}
    assert list(ask("/clip/compare", request).json()["similarity"]) == ["red", "teal"]
    request = {"subject": "a", "subject_type": "text", "prompt": picture, "prompt_type": "image"}
    assert len(ask("/clip/compare", request).json()["similarity"]) == 1


def test_a_model_is_found_by_the_names_that_clients_have_for_it():
    service = Service(["emoji-scenes", "ViT-B-16/openai", "ViT-B-32/laion2b_s34b_b79k", "ViT-L-14:/models/large.pt"])
    for name, means in {
        None: "emoji-scenes", "": "emoji-scenes", "ViT-B-16": "ViT-B-16/openai", "ViT-B/16": "ViT-B-16/openai",
        "ViT-B-16::openai": "ViT-B-16/openai", "vit-b-32": "ViT-B-32/laion2b_s34b_b79k",
        "ViT-L/14": "ViT-L-14:/models/large.pt",
        "ViT-B-32::openai": "ViT-B-32::openai", "ViT-H-14": "ViT-H-14",
    }.items():  # fmt: skip
        assert model_of(service, name) == means
