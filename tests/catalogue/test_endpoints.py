"""Endpoints as in the published example: boto3 asks, vectors of tokens come, and we make one of them."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from search.encoders import ModelUnavailable, get_encoder
from search.models import register_model

pytestmark = pytest.mark.django_db
DIMENSIONS = 6


def tokens_of(thing: bytes) -> list[list[float]]:
    """A vector for each of three tokens (or patches of a picture)."""
    digest = hashlib.sha256(thing).digest()
    return [[byte / 16 - 8 for byte in digest[start : start + DIMENSIONS]] for start in (0, 6, 12)]


@pytest.fixture
def endpoint(settings, monkeypatch):
    """A container of Hugging Face's feature extraction, for texts and for pictures; what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.asked.append((self.path, self.headers["Content-Type"], body))
            if self.headers["Content-Type"].startswith("image/"):
                answer = [tokens_of(body)]
            else:
                answer = [[tokens_of(text.encode())] for text in json.loads(body)["inputs"]]
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.DAM_SAGEMAKER_URL = f"http://127.0.0.1:{server.server_port}"
    settings.DAM_SAGEMAKER_REGION = "eu-central-1"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "unused")
    yield server
    server.shutdown()
    server.server_close()


def unit(vector):
    return np.asarray(vector) / np.linalg.norm(vector)


@pytest.mark.parametrize(
    ("pooling", "pooled"), [("mean", lambda rows: np.mean(rows, axis=0)), ("cls", lambda rows: rows[0])]
)
def test_the_vectors_of_tokens_become_one_vector_of_a_text(pooling, pooled, endpoint, settings):
    settings.DAM_SAGEMAKER_POOLING = pooling
    encoder = get_encoder(f"sagemaker:all-MiniLM-L6-v2-{pooling}")  # encoders are kept by their names
    texts = ["green sleeveless summer wear", "Ein grünes Kleid", "绿色连衣裙"]
    vectors = encoder.encode_text(texts)
    assert vectors.shape == (3, DIMENSIONS)
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(vector, unit(pooled(tokens_of(text.encode()))), atol=1e-6)
    assert {(path, kind) for path, kind, _body in endpoint.asked} == {
        (f"/endpoints/all-MiniLM-L6-v2-{pooling}/invocations", "application/json")
    }


def test_the_vectors_of_patches_become_one_vector_of_a_picture(endpoint, settings):
    settings.DAM_SAGEMAKER_POOLING, settings.DAM_SAGEMAKER_PICTURES = "mean", True
    encoder = get_encoder("sagemaker:clip")
    pictures = [Image.new("RGB", (400, 300), colour) for colour in ("green", "red")]
    vectors = encoder.encode_images(pictures)
    sent = [body for _path, kind, body in endpoint.asked if kind == "image/png"][-2:]
    assert all(body.startswith(b"\x89PNG") for body in sent)
    for body, vector in zip(sent, vectors, strict=True):
        np.testing.assert_allclose(vector, unit(np.mean(tokens_of(body), axis=0)), atol=1e-6)


def test_without_pooling_several_vectors_of_a_text_are_refused_with_the_setting_that_helps(endpoint, settings):
    settings.DAM_SAGEMAKER_POOLING = "none"
    with pytest.raises(ModelUnavailable, match="POOLING=mean or cls"):
        get_encoder("sagemaker:not-pooled").encode_text(["a"])
    settings.DAM_SAGEMAKER_POOLING = "max"
    with pytest.raises(ModelUnavailable, match="DAM_SAGEMAKER_POOLING has to be one of"):
        get_encoder("sagemaker:other").encode_text(["a"])


@pytest.mark.parametrize(("pictures", "embeds"), [(False, "description"), (True, "picture")])
def test_an_endpoint_is_a_space_of_what_it_takes(pictures, embeds, endpoint, settings):
    settings.DAM_SAGEMAKER_POOLING, settings.DAM_SAGEMAKER_PICTURES = "mean", pictures
    model, _new = register_model(f"sagemaker:{embeds}")
    assert (model.embeds, model.dimensions) == (embeds, DIMENSIONS)
