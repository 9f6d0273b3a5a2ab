"""What comes back through the process is what the model itself gives."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np
import pytest
from PIL import Image

from search.encoders import ModelUnavailable, get_encoder, load
from search.encoders.service import ServiceEncoder
from tests.support.processes import wait_until

MODEL = "emoji-scenes"
ALIKE = 0.9999


@pytest.fixture(scope="module")
def local():
    return load(MODEL)


def new_texts(count: int) -> list[str]:
    """Texts that nobody has asked for."""
    return [f"a {uuid.uuid4()} in the snow" for _ in range(count)]


def pictures(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(count)
    sizes = rng.integers(40, 500, (count, 2))
    return [Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)) for height, width in sizes]


def test_texts_and_pictures_have_the_vectors_that_the_model_gives_here(through_the_process, local):
    encoder = get_encoder(MODEL)
    assert isinstance(encoder, ServiceEncoder)
    assert (encoder.dimensions, encoder.takes_pictures, encoder.takes_text) == (512, True, True)
    assert encoder.transform == local.transform
    texts, some = ["a truck", "雪地里的卡车", "", *new_texts(80)], pictures(40)
    for there, here in (
        (encoder.encode_text(texts), local.encode_text(texts)),
        (encoder.encode_images(some), local.encode_images(some)),
    ):
        assert (there.shape, there.dtype) == (here.shape, np.float32)
        assert (there * here).sum(axis=1).min() > ALIKE
        assert np.linalg.norm(there, axis=1) == pytest.approx(1, abs=1e-5)


def test_nothing_is_encoded_of_nothing(through_the_process):
    encoder = get_encoder(MODEL)
    assert encoder.encode_text([]).shape == encoder.encode_images([]).shape == (0, 512)


def test_texts_of_several_requests_share_forward_passes(through_the_process):
    encoder = get_encoder(MODEL)
    texts = new_texts(160)
    items, passes = through_the_process.encoded("texts")
    with ThreadPoolExecutor(8) as threads:
        vectors = list(threads.map(lambda text: encoder.encode_text([text])[0], texts))
    now = through_the_process.encoded("texts")
    assert now[0] - items == len(texts)
    assert now[1] - passes < len(texts) / 1.5
    assert (np.stack(vectors) * load(MODEL).encode_text(texts)).sum(axis=1).min() > ALIKE


def test_a_text_is_encoded_once(through_the_process):
    encoder = get_encoder(MODEL)
    (text,) = new_texts(1)
    first = encoder.encode_text([text, text])
    items, _passes = through_the_process.encoded("texts")
    assert (encoder.encode_text([text]) == first[:1]).all()
    assert through_the_process.encoded("texts")[0] == items


def test_a_model_that_the_operator_did_not_allow_is_not_read(through_the_process, tmp_path):
    trap = tmp_path / "weights.pt"
    trap.write_bytes(b"x")
    with pytest.raises(ModelUnavailable, match=r"does not serve .*DAM_ENCODER_MODELS"):
        assert get_encoder(f"emoji-scenes:{trap}").dimensions


def test_no_encoder_that_failed_is_remembered(through_the_process, settings):
    encoder = get_encoder(MODEL)
    settings.DAM_ENCODER_URL = "unix:/nowhere/encoder.sock"
    with pytest.raises(ModelUnavailable, match="not running"):
        assert encoder.dimensions
    settings.DAM_ENCODER_URL = through_the_process.url
    assert get_encoder(MODEL).dimensions == 512


def test_what_nobody_waits_for_any_more_is_not_encoded(through_the_process):
    pixels = get_encoder(MODEL).transform.stack(pictures(1)).tobytes() * 128
    http, path = through_the_process.http, "/encode/pixels"

    def encoded() -> int:
        return through_the_process.encoded("pictures")[0]

    def is_waiting() -> bool:
        return through_the_process.health()["models"][MODEL]["waiting"]["pictures"] > 60

    before = encoded()
    with ThreadPoolExecutor(1) as thread:
        patient = thread.submit(http.post, path, content=pixels, timeout=60)
        wait_until(is_waiting, "the first request")
        with pytest.raises(httpx2.ReadTimeout):
            http.post(path, content=pixels, timeout=httpx2.Timeout(60, read=0.05))
        assert len(patient.result().content) == 128 * 512 * 4
    assert encoded() - before == 128
    assert through_the_process.health()["models"][MODEL]["waiting"]["pictures"] == 0
