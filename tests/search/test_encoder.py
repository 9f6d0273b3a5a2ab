"""Models through the real open_clip: the bundled one, checkpoints made on the spot, and weights that cannot be had."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from search.encoders import ModelUnavailable, get_encoder
from search.encoders.causal_text import CausalText
from search.encoders.open_clip import OpenClipEncoder

BUNDLED = "emoji-scenes"


def scenes(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(1)
    return [Image.fromarray(rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)) for _ in range(count)]


def test_the_bundled_model_gives_unit_vectors_for_pictures_and_text():
    encoder = get_encoder(BUNDLED)
    assert encoder.dimensions == 512
    for vectors in (encoder.encode_images(scenes(3)), encoder.encode_text(["a truck", "雪地里的卡车", ""])):
        assert (vectors.shape, vectors.dtype) == ((3, 512), np.float32)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_batch_gives_what_each_picture_gives_alone():
    encoder = get_encoder(BUNDLED)
    pictures = scenes(4)
    together = encoder.encode_images(pictures)
    alone = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
    assert (together * alone).sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_a_text_longer_than_the_context_is_cut_and_not_refused():
    assert get_encoder(BUNDLED).encode_text(["truck " * 500]).shape == (1, 512)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A small architecture of open_clip's registry with random weights, saved in both formats it can be given in."""
    import torch
    from safetensors.torch import save_file

    from search.encoders.open_clip import BUNDLED as FOLDER
    from search.encoders.open_clip import open_clip

    open_clip.add_model_config(FOLDER / f"{BUNDLED}.json")
    torch.manual_seed(0)
    state = open_clip.create_model(BUNDLED).state_dict()
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.save(state, folder / "tiny.pt")
    save_file(state, folder / "tiny.safetensors")
    return folder


def test_a_checkpoint_is_the_same_model_in_either_format(tiny):
    vectors = [
        OpenClipEncoder(f"{BUNDLED}:{tiny / name}").encode_images(scenes(2)) for name in ("tiny.pt", "tiny.safetensors")
    ]
    assert (vectors[0] * vectors[1]).sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert abs((vectors[0] * get_encoder(BUNDLED).encode_images(scenes(2))).sum(axis=1)).max() < 0.9


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "was-run"), "w"))

    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ModelUnavailable):
        OpenClipEncoder(f"{BUNDLED}:{tmp_path / 'evil.pt'}")
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ViT-B-32:nowhere/weights.pt", "no checkpoint at nowhere/weights.pt"),
        ("ViT-B-999/openai", "no architecture 'ViT-B-999'"),
        ("ViT-B-32/no_such_tag", "laion2b_s34b_b79k"),
        ("../../etc/passwd", "no architecture"),
    ],
)
def test_a_model_name_that_means_nothing_is_answered_with_what_is_known(name, says):
    with pytest.raises(ModelUnavailable, match=says):
        OpenClipEncoder(name)


def test_weights_that_cannot_be_downloaded_stop_with_the_ways_out(monkeypatch, settings, tmp_path):
    settings.DAM_MODEL_CACHE = str(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable) as refusal:
        OpenClipEncoder("ViT-B-32/laion2b_s34b_b79k")
    for way in ("ARCHITECTURE:/path/to/checkpoint", "DAM_MODEL_CACHE", "DAM_MODEL=emoji-scenes"):
        assert way in str(refusal.value)


@pytest.mark.parametrize("module", ["dam.wsgi", "dam.celery"])
def test_importing_a_process_loads_no_torch(module):
    code = (
        "import sys, django; django.setup();"
        f"import {module}; from django.urls import get_resolver; get_resolver().url_patterns;"
        "sys.exit('torch' in sys.modules or 'open_clip' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


TEXTS = ["", "a truck", "雪地里的卡车", "a red truck in the snow beside a house with two dogs", "truck " * 500]


@pytest.mark.parametrize("pool", ["argmax", "eos"])
@pytest.mark.parametrize("custom_text", [False, True])
def test_a_text_cut_off_at_its_end_token_has_the_vector_of_all_its_tokens(custom_text, pool):
    import torch

    model, tokens = text_model(custom_text=custom_text, pool_type=pool)
    together_and_alone = (tokens, *tokens.split(1))
    with torch.inference_mode():
        wholes = [torch.nn.functional.normalize(model.encode_text(given)) for given in together_and_alone]
        cut = CausalText.of(model)
        lengths = []
        cut.tower.transformer.register_forward_pre_hook(lambda _module, inputs: lengths.append(inputs[0].shape[1]))
        for given, whole in zip(together_and_alone, wholes, strict=True):
            assert torch.nn.functional.normalize(cut(given)) == pytest.approx(whole, abs=3e-6)
    assert lengths == [int((given == 49407).int().argmax(dim=1).max()) + 1 for given in together_and_alone]
    assert lengths[1] == 2  # of the empty text


@pytest.mark.parametrize(
    "text", [{"no_causal_mask": True}, {"pool_type": "last"}, {"embed_cls": True}], ids=lambda text: next(iter(text))
)
def test_a_text_tower_that_looks_beyond_the_end_token_is_left_alone(text):
    assert CausalText.of(text_model(custom_text=True, **text)[0]) is None


def text_model(custom_text: bool, **text):
    """A model of open_clip with random weights whose text tower is small, and tokens for it."""
    import torch
    from open_clip.model import CLIP, CustomTextCLIP
    from open_clip.tokenizer import SimpleTokenizer

    torch.manual_seed(0)
    vision = {"layers": 1, "width": 64, "patch_size": 32, "image_size": 64, "head_width": 32}
    text = {"width": 64, "heads": 2, "layers": 2, "eos_id": 49407} | text
    model = (CustomTextCLIP if custom_text else CLIP)(32, vision, text).eval()
    return model, SimpleTokenizer()(TEXTS)


def test_what_is_measured_at_the_start_leaves_the_weights_as_they_were(tiny):
    from safetensors.torch import load_file

    encoder = OpenClipEncoder(f"{BUNDLED}:{tiny / 'tiny.safetensors'}")
    for name, weight in load_file(tiny / "tiny.safetensors").items():
        assert encoder._model.state_dict()[name].equal(weight.to(encoder._dtype)), name


@pytest.mark.parametrize(
    ("factor", "cosine", "chosen"),
    [(0.5, 0.99995, "bfloat16"), (0.5, 0.9998, "float32"), (0.95, 1, "float32"), (2, 1, "float32")],
)
def test_bfloat16_is_taken_only_where_it_is_clearly_faster_and_moves_no_vector(
    tiny, monkeypatch, factor, cosine, chosen
):
    import torch

    def timed(_tower, pixels):
        if pixels.dtype == torch.float32:
            return 1.0, np.array([[1.0, 0.0]])
        return factor, np.array([[cosine, np.sqrt(1 - cosine**2)]])

    monkeypatch.setattr("search.encoders.open_clip._timed", timed)
    assert OpenClipEncoder(f"{BUNDLED}:{tiny / 'tiny.safetensors'}").dtype == chosen
