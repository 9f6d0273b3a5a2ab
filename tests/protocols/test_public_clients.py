"""Public client packages ask our encoder process as they ask the services that they were made for.

Each has a virtual environment of its own under .cache/, made on the first run: they want other versions of Pillow and
of more than we have.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from huggingface_hub import InferenceClient
from PIL import Image

from search.encoders import Encoder, load
from tests.protocols.server import MODEL, Server
from tests.support.processes import ROOT

TEXTS = ["a red truck in the snow", "two dogs on a beach"]
# fmt: off
PACKAGES = {
    "inference-sdk": ["inference-sdk==1.8.3"],
    # jina after 3.25 keeps documents where clip-client does not look for them; the other pins save pip a long search.
    "clip-client": [
        "clip-client==0.8.3", "jina==3.25.1", "docarray==0.21.1", "setuptools<80", "grpcio==1.57.0",
        "opentelemetry-api==1.19.0", "opentelemetry-instrumentation==0.40b0", "pydantic==1.10.27",
    ],
    "openai": ["openai==3.52.0"],
}
# fmt: on


@pytest.fixture(scope="module")
def here() -> Encoder:
    return load(MODEL)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    gradients = [Image.radial_gradient("L"), Image.linear_gradient("L")]
    return [Image.merge("RGB", (one, one.rotate(90), Image.new("L", one.size, 80))) for one in gradients]


@pytest.fixture(scope="module")
def files(pictures: list[Image.Image], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def python_with(package: str) -> Path:
    """Return the interpreter of an environment that has the package; skip where the package index does not give it."""
    folder = ROOT / ".cache" / "clients" / package
    interpreter, done = folder / "bin" / "python", folder / f"{PACKAGES[package][0]}.installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = subprocess.run(
            [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES[package]],
            capture_output=True, text=True, check=False, timeout=1800,
        )  # fmt: skip
        if "NewConnectionError" in pip.stderr or "Could not find a version" in pip.stderr:
            pytest.skip(f"the package index does not give {PACKAGES[package][0]}: {pip.stderr[-300:]}")
        assert pip.returncode == 0, pip.stderr
        done.touch()
    return interpreter


@pytest.fixture
def asked(server: Server, files: list[Path]) -> Callable[..., Any]:
    """Run code with a package and return what it prints as JSON; it has url, token, model, texts and files."""

    def ask(package: str, code: str) -> Any:
        known = {
            "url": server.url, "token": server.token, "model": MODEL, "texts": TEXTS, "files": [str(f) for f in files]
        }  # fmt: skip
        head = f"import json; globals().update(json.loads({json.dumps(known)!r}))\n"
        answer = subprocess.run(
            [python_with(package), "-c", head + code], capture_output=True, text=True, check=False, timeout=120
        )
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout.splitlines()[-1])

    return ask


def assert_alike(vectors: Any, expected: np.ndarray) -> None:
    array = np.asarray(vectors, np.float64)
    assert array.shape == expected.shape
    assert np.linalg.norm(array, axis=1) == pytest.approx(1, abs=1e-5)
    assert (array * expected).sum(axis=1).min() >= 0.999


@pytest.mark.timeout(1900)
def test_inference_sdk(asked, here, pictures):
    found = asked(
        "inference-sdk",
        """
from inference_sdk import InferenceHTTPClient
from inference_sdk.http.errors import HTTPCallErrorError
client = InferenceHTTPClient(api_url=url, api_key=token)
found = {
    "text": client.get_clip_text_embeddings(texts[0]),
    "texts": client.get_clip_text_embeddings(texts, clip_version=model),
    "picture": client.get_clip_image_embeddings(files[0]),
    "pictures": client.get_clip_image_embeddings(files, clip_version=model),
    "compare": client.clip_compare(files[0], texts),
    "compare pictures": client.clip_compare(texts[0], files, subject_type="text", prompt_type="image"),
    "compare one": client.clip_compare(files[0], texts[0]),
    "errors": [],
}
wrong = InferenceHTTPClient(api_url=url, api_key="wrong")
for ask in (
    lambda: client.get_clip_text_embeddings(texts, clip_version="no-such-model"),
    lambda: wrong.get_clip_text_embeddings(texts),
):
    try:
        ask()
    except HTTPCallErrorError as error:
        found["errors"].append([error.status_code, error.api_message])
print(json.dumps(found))
""",
    )
    texts, images = here.encode_text(TEXTS), here.encode_images(pictures)
    assert_alike(found["text"]["embeddings"], texts[:1])
    assert_alike(found["texts"]["embeddings"], texts)
    assert_alike(found["picture"]["embeddings"], images[:1])
    assert_alike([one["embeddings"][0] for one in found["pictures"]], images)
    assert found["compare"]["similarity"] == pytest.approx(list(texts @ images[0]), abs=0.005)
    assert found["compare pictures"]["similarity"] == pytest.approx(list(images @ texts[0]), abs=0.005)
    assert found["compare one"]["similarity"] == pytest.approx([float(texts[0] @ images[0])], abs=0.005)
    assert found["errors"][0][0] == 404
    assert "does not serve 'no-such-model'" in found["errors"][0][1]
    assert found["errors"][1] == [401, "The token is missing or wrong."]


@pytest.mark.skipif(
    os.environ.get("CLIENTS") != "all", reason="its old dependencies take pip minutes: `make clients` tries it"
)
@pytest.mark.timeout(1900)
def test_clip_client(asked, here, pictures):
    found = asked(
        "clip-client",
        """
from clip_client import Client
from docarray import Document
client = Client(url, credential={"Authorization": token})
ranked = client.rank([
    Document(uri=files[0], matches=[Document(text=text) for text in texts]),
    Document(text=texts[0], matches=[Document(uri=file) for file in files]),
])
found = {
    "mixed": client.encode([texts[0], files[0], texts[1], files[1]]).tolist(),
    "named": client.encode(texts, parameters={"model_name": model}).tolist(),
    "documents": [d.embedding.tolist() for d in client.encode([Document(text=texts[0]), Document(uri=files[0])])],
    "ranked": [
        [[match.text, match.scores["clip_score"].value, match.scores["clip_score_cosine"].value] for match in d.matches]
        for d in ranked
    ],
}
try:
    Client(url, credential={"Authorization": "wrong"}).encode(texts)
except Exception as error:
    found["error"] = str(error)
print(json.dumps(found))
""",
    )
    texts, images = here.encode_text(TEXTS), here.encode_images(pictures)
    assert_alike(found["mixed"], np.stack([texts[0], images[0], texts[1], images[1]]))
    assert_alike(found["named"], texts)
    assert_alike(found["documents"], np.stack([texts[0], images[0]]))
    for matches, cosines in zip(found["ranked"], (texts @ images[0], images @ texts[0]), strict=True):
        assert [cosine for _text, _share, cosine in matches] == pytest.approx(sorted(cosines)[::-1], abs=0.005)
        assert sum(share for _text, share, _cosine in matches) == pytest.approx(1, abs=1e-6)
        assert matches[0][1] >= matches[1][1]
    assert found["ranked"][0][0][0] == TEXTS[int(np.argmax(texts @ images[0]))]
    assert "token is missing or wrong" in found["error"]


@pytest.mark.timeout(1900)
def test_openai(asked, here):
    found = asked(
        "openai",
        """
import openai
client = openai.OpenAI(base_url=url + "/v1", api_key=token, max_retries=0)
found = {
    "models": [one.id for one in client.models.list()],
    "base64": [one.embedding for one in client.embeddings.create(model=model, input=texts).data],
    "float": [d.embedding for d in client.embeddings.create(model=model, input=texts, encoding_format="float").data],
    "one": [one.embedding for one in client.embeddings.create(model=model, input=texts[0], dimensions=512).data],
}
for name, ask in {
    "NotFoundError": lambda: client.embeddings.create(model="no-such-model", input=texts),
    "BadRequestError": lambda: client.embeddings.create(model=model, input=texts, dimensions=256),
    "tokens": lambda: client.embeddings.create(model=model, input=[[1, 2, 3]]),
    "AuthenticationError": lambda: openai.OpenAI(base_url=url + "/v1", api_key="wrong").models.list(),
}.items():
    try:
        ask()
    except openai.APIStatusError as error:
        found[name] = [type(error).__name__, error.body["message"], error.body["code"]]
print(json.dumps(found))
""",
    )
    texts = here.encode_text(TEXTS)
    assert found["models"] == [MODEL]
    assert_alike(found["base64"], texts)
    assert_alike(found["float"], texts)
    assert_alike(found["one"], texts[:1])
    assert found["NotFoundError"][::2] == ["NotFoundError", "model_not_found"]
    assert found["BadRequestError"][:2] == ["BadRequestError", f"{MODEL} gives 512 dimensions, and not 256."]
    assert "tokens are not taken" in found["tokens"][1]
    assert found["AuthenticationError"][0] == "AuthenticationError"


def test_huggingface_hub(server, here):
    for address in (f"/models/{MODEL}", f"/pipeline/feature-extraction/{MODEL}", "/pipeline/feature-extraction"):
        client = InferenceClient(model=server.url + address, provider="hf-inference", token=server.token)
        assert_alike(client.feature_extraction(TEXTS, truncate=True), here.encode_text(TEXTS))
        assert_alike(client.feature_extraction(TEXTS[0])[None], here.encode_text(TEXTS[:1]))


def test_boto3_asks_as_it_asks_sagemaker(server, here, pictures):
    client = boto3.Session("unused", "unused", server.token, region_name="eu-central-1").client(
        "sagemaker-runtime", endpoint_url=server.url
    )

    def invoke(body: bytes, kind: str, name: str = MODEL) -> Any:
        return json.loads(client.invoke_endpoint(EndpointName=name, Body=body, ContentType=kind)["Body"].read())

    assert_alike(invoke(json.dumps({"inputs": TEXTS}).encode(), "application/json"), here.encode_text(TEXTS))
    buffer = BytesIO()
    pictures[0].save(buffer, "PNG")
    assert_alike([invoke(buffer.getvalue(), "image/png")], here.encode_images(pictures[:1]))
    with pytest.raises(client.exceptions.ClientError, match="no-such-model") as refusal:
        invoke(b'{"inputs": "a"}', "application/json", "no-such-model")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
