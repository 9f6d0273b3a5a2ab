"""Our clients ask our encoder process by every protocol: its vectors are those of the model loaded here."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from search.encoders import ModelUnavailable, get_encoder, load
from search.encoders.remote.base import RemoteEncoder
from search.models import EmbeddingModel, register_model
from tests.protocols.server import MODEL, Server

TEXTS = ["a red truck in the snow", "雪地里的卡车", "", "two dogs\n on a beach"]


def scenes() -> list[Image.Image]:
    """Return pictures of several shapes, larger and smaller than what travels."""
    pictures = []
    for number, size in enumerate([(640, 480), (336, 336), (200, 500), (96, 64), (1000, 400)]):
        picture = ImageOps.colorize(Image.radial_gradient("L").resize(size), (90, 160, 220), (240, 230, 200))
        draw = ImageDraw.Draw(picture)
        draw.ellipse((10, 10, size[0] // 2, size[1] // 2), fill=(230, 40 * number, 30))
        draw.rectangle((size[0] // 3, size[1] // 3, size[0] - 5, size[1] - 9), fill=(20, 90, 40 * number))
        pictures.append(picture)
    return pictures


@pytest.fixture
def point_to(settings: Any, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DAM_CLIP_AS_SERVICE_URL, settings.DAM_CLIP_AS_SERVICE_TOKEN = server.url, server.token
    settings.DAM_ROBOFLOW_URL, settings.DAM_ROBOFLOW_API_KEY = server.url, server.token
    settings.DAM_SAGEMAKER_URL, settings.DAM_SAGEMAKER_REGION = server.url, "eu-central-1"
    settings.DAM_SAGEMAKER_PICTURES = True
    settings.DAM_HUGGINGFACE_URL = server.url + "/models/{model}/pipeline/feature-extraction"
    settings.DAM_HUGGINGFACE_TOKEN, settings.DAM_HUGGINGFACE_PICTURES = server.token, True
    settings.DAM_OPENAI_URL, settings.DAM_OPENAI_API_KEY = f"{server.url}/v1", server.token
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "unused")
    monkeypatch.setenv("AWS_SESSION_TOKEN", server.token)


SERVICES = ["clip-as-service", "roboflow", "sagemaker", "huggingface", "openai"]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.usefixtures("point_to", "db")
def test_the_vectors_are_those_of_the_model_loaded_here(service):
    encoder, here = get_encoder(f"{service}:{MODEL}"), load(MODEL)
    assert isinstance(encoder, RemoteEncoder)
    assert encoder.dimensions == here.dimensions
    vectors = encoder.encode_text(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((4, 512), np.float32)
    close = (vectors * here.encode_text(TEXTS)).sum(axis=1)
    assert close.min() >= 0.999, close
    if encoder.takes_pictures:
        pictures = scenes()
        close = (encoder.encode_images(pictures) * here.encode_images(pictures)).sum(axis=1)
        assert close.min() >= 0.999, close


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.usefixtures("point_to", "db")
def test_a_model_that_is_not_served_is_said_so(service, caplog):
    with pytest.raises(ModelUnavailable, match="answered with status 404"):
        get_encoder(f"{service}:no-such-model").encode_text(["a"])
    assert "does not serve 'no-such-model'" in caplog.text


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.usefixtures("point_to", "db")
def test_a_wrong_token_is_refused_and_said_so(service, settings, monkeypatch, caplog):
    for name in ("CLIP_AS_SERVICE_TOKEN", "ROBOFLOW_API_KEY", "HUGGINGFACE_TOKEN", "OPENAI_API_KEY"):
        setattr(settings, f"DAM_{name}", "wrong-one")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "wrong-one")
    with pytest.raises(ModelUnavailable, match="answered with status 401") as refusal:
        get_encoder(f"{service}:{MODEL}").encode_text(["a"])
    assert "token is missing or wrong" in caplog.text
    assert "wrong-one" not in str(refusal.value) + caplog.text


@pytest.mark.usefixtures("point_to")
def test_a_space_elsewhere_is_registered_like_any(db, transactional_db):
    model, new = register_model(f"roboflow:{MODEL}")
    assert new
    assert (model.dimensions, model.embeds, model.state) == (512, "picture", EmbeddingModel.State.ACTIVE)
    texts, _new = register_model(f"openai:{MODEL}")
    assert (texts.embeds, texts.asked_by_picture) == ("description", False)
