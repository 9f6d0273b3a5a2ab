"""Models of open_clip whose text towers are not CLIP's, SigLIP 2 and XLM-R: tiny ones made on the spot."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from search.encoders import load

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "a", "red", "truck", "in", "snow", "雪", "车"]
TEXTS = ["a red truck in snow", "truck", "雪 车", ""]


def save_tokenizer(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=inner, **special).save_pretrained(folder)


def save(folder, text, **others):
    """Save a model with random weights as a directory that open_clip's ``local-dir:`` takes."""
    from search.encoders.open_clip import open_clip  # isort: skip
    import torch
    from open_clip.model import CustomTextCLIP
    from safetensors.torch import save_file

    save_tokenizer(folder)
    vision = {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "map", "timm_proj": "none", "image_size": 224}
    config = {"embed_dim": 192, "vision_cfg": vision, "text_cfg": text, "custom_text": True, **others}
    preprocess = {"size": [224, 224], "mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    torch.manual_seed(0)
    model = CustomTextCLIP(**{key: value for key, value in config.items() if key != "custom_text"}).eval()
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    assert open_clip is not None
    return model


@pytest.fixture(scope="module")
def siglip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("siglip2")
    text = {
        "context_length": 16, "vocab_size": len(WORDS), "hf_tokenizer_name": str(folder), "width": 192, "heads": 3,
        "layers": 2, "tokenizer_kwargs": {"clean": "canonicalize"}, "no_causal_mask": True, "proj_bias": True,
        "pool_type": "last", "norm_kwargs": {"eps": 1e-6}, "act_kwargs": {"approximate": "tanh"},
    }  # fmt: skip
    return folder, save(folder, text, init_logit_bias=-10)


@pytest.fixture(scope="module")
def xlm_roberta(tmp_path_factory):
    from transformers import XLMRobertaConfig

    from search.encoders import device  # noqa: F401

    folder = tmp_path_factory.mktemp("xlm-roberta")
    XLMRobertaConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=90,
    ).save_pretrained(folder)  # fmt: skip
    text = {
        "hf_model_name": str(folder), "hf_tokenizer_name": str(folder), "hf_pooler_type": "mean_pooler",
        "hf_model_pretrained": False, "hf_proj_type": "mlp",
    }  # fmt: skip
    return folder, save(folder, text)


@pytest.mark.parametrize("family", ["siglip", "xlm_roberta"])
def test_its_texts_are_what_open_clip_makes_of_all_their_tokens(family, request):
    import torch

    folder, model = request.getfixturevalue(family)
    encoder = load(f"local-dir:{folder}")
    with torch.inference_mode():
        theirs = model.encode_text(encoder._tokenize(TEXTS), normalize=True).numpy()
    ours = encoder.encode_text(TEXTS)
    assert ours.shape == (4, 192)
    assert (ours * theirs).sum(axis=1) == pytest.approx(1, abs=1e-3)
    alone = np.concatenate([encoder.encode_text([text]) for text in TEXTS])
    assert (ours * alone).sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert abs((ours @ ours.T)[np.triu_indices(4, 1)]).max() < 0.9999  # they do differ


def test_its_pictures_are_squashed_as_it_was_trained(siglip):
    encoder = load(f"local-dir:{siglip[0]}")
    transform = encoder.transform
    assert (transform.mode, transform.size, transform.mean) == ("squash", (224, 224), (0.5, 0.5, 0.5))
    vectors = encoder.encode_images([Image.new("RGB", (90, 50), "red"), Image.new("RGB", (64, 64), "blue")])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_without_transformers_the_extra_is_named(siglip):
    code = (
        "import sys, django; django.setup(); sys.modules['transformers'] = None\n"
        "from search.encoders import ModelUnavailable, load\n"
        f"try: load('local-dir:{siglip[0]}')\n"
        "except ModelUnavailable as error: sys.exit('django-dam[chinese]' not in str(error))\n"
        "sys.exit(2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
