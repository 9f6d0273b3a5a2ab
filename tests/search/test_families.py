"""Families of models beside CLIP's own, each through its real library: tiny models made on the spot, and MiniLM."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from search.encoders import ModelUnavailable, Unsupported, load

MINILM = "sentence-transformers:all-MiniLM-L6-v2"


def pictures(count: int = 3) -> list[Image.Image]:
    rng = np.random.default_rng(1)
    return [Image.fromarray(rng.integers(0, 255, (90 + 30 * n, 160, 3), dtype=np.uint8)) for n in range(count)]


def are_units(vectors: np.ndarray, count: int, dimensions: int) -> bool:
    lengths = np.linalg.norm(vectors, axis=1)
    return vectors.dtype == np.float32 and vectors.shape == (count, dimensions) and bool(abs(lengths - 1).max() < 1e-5)


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"雪地里的卡车红色", "a", "truck", "red", "in", "snow"]


@pytest.fixture(scope="module")
def chinese_clip(tmp_path_factory):
    """A Chinese-CLIP with random weights, in the files that a published one has."""
    import torch

    from search.encoders import device  # noqa: F401 - before transformers, which imports torchvision

    torch.manual_seed(0)
    from transformers import BertTokenizer, ChineseCLIPConfig, ChineseCLIPImageProcessor, ChineseCLIPModel

    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = ChineseCLIPConfig(
        text_config=layers | {"vocab_size": len(WORDS), "max_position_embeddings": 64},
        vision_config=layers | {"image_size": 64, "patch_size": 16},
        projection_dim=24,
    )
    folder = tmp_path_factory.mktemp("chinese-clip")
    model = ChineseCLIPModel(config).eval()
    torch.nn.init.normal_(model.text_projection.weight), torch.nn.init.normal_(model.visual_projection.weight)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    # As the published ones have it.
    ChineseCLIPImageProcessor(size={"height": 64, "width": 64}, do_center_crop=False).save_pretrained(folder)
    return folder


def test_chinese_clip_gives_unit_vectors_of_pictures_and_chinese(chinese_clip):
    encoder = load(f"chinese-clip:{chinese_clip}")
    assert (encoder.dimensions, encoder.takes_pictures, encoder.takes_text) == (24, True, True)
    assert are_units(encoder.encode_images(pictures()), 3, 24)
    assert are_units(encoder.encode_text(["雪地里的卡车", "a truck", ""]), 3, 24)
    assert are_units(encoder.encode_text(["雪" * 500]), 1, 24)


def test_chinese_clip_says_what_transformers_says(chinese_clip):
    import torch
    from transformers import AutoTokenizer, ChineseCLIPImageProcessorPil, ChineseCLIPModel

    encoder = load(f"chinese-clip:{chinese_clip}")
    model = ChineseCLIPModel.from_pretrained(chinese_clip).eval()
    processor = ChineseCLIPImageProcessorPil.from_pretrained(chinese_clip)
    with torch.inference_mode():
        pixels = processor(images=pictures(), return_tensors="pt")
        theirs = model.get_image_features(**pixels).pooler_output.numpy()
        tokens = AutoTokenizer.from_pretrained(chinese_clip)("雪地里的卡车", return_tensors="pt")
        text = model.get_text_features(**tokens).pooler_output.numpy()
    for ours, other in [(encoder.encode_images(pictures()), theirs), (encoder.encode_text(["雪地里的卡车"]), text)]:
        assert (ours * other / np.linalg.norm(other, axis=1, keepdims=True)).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_text_says_the_same_alone_as_beside_a_longer_one(chinese_clip):
    encoder = load(f"chinese-clip:{chinese_clip}")
    beside = encoder.encode_text(["卡车", "雪地里的红色卡车 in snow"])[0]
    assert beside @ encoder.encode_text(["卡车"])[0] == pytest.approx(1, abs=1e-5)


def test_minilm_knows_what_is_meant():
    encoder = load(MINILM)
    assert (encoder.dimensions, encoder.takes_pictures, encoder.takes_text) == (384, False, True)
    vectors = encoder.encode_text(["a dog playing in the snow", "puppy in winter", "stock market report"])
    assert are_units(vectors, 3, 384)
    assert vectors[0] @ vectors[1] > 0.6 > 0.2 > vectors[0] @ vectors[2]
    assert are_units(encoder.encode_text(["", "snow " * 2000]), 2, 384)
    with pytest.raises(Unsupported, match="no pictures"):
        encoder.encode_images(pictures())


@pytest.fixture(scope="module")
def prompted(tmp_path_factory):
    """A text model with random weights whose files say what is to be put before queries and documents."""
    import torch

    from search.encoders import device  # noqa: F401 - before transformers, which imports torchvision

    torch.manual_seed(0)
    from sentence_transformers import SentenceTransformer, models
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("prompted")
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    (folder / "vocab.txt").write_text("\n".join([*WORDS, "query", "passage", ":"]), encoding="utf-8")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    BertModel(BertConfig(vocab_size=len(WORDS) + 3, max_position_embeddings=64, **layers)).save_pretrained(
        folder / "bert"
    )
    words = models.Transformer(str(folder / "bert"), max_seq_length=32)
    prompts = {"query": "query: ", "passage": "passage: "}
    modules = [words, models.Pooling(words.get_embedding_dimension())]
    SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save(str(folder / "model"))
    return folder / "model"


def test_queries_and_descriptions_are_given_the_prompts_that_the_model_has(prompted):
    from sentence_transformers import SentenceTransformer

    encoder = load(f"sentence-transformers:{prompted}")
    plain = SentenceTransformer(str(prompted), device="cpu")
    for encode, prompt in ((encoder.encode_text, "query: "), (encoder.encode_descriptions, "passage: ")):
        theirs = plain.encode([prompt + "red truck"], normalize_embeddings=True)
        assert encode(["red truck"]) == pytest.approx(theirs, abs=1e-5)
    assert encoder.encode_text(["red truck"]) != pytest.approx(encoder.encode_descriptions(["red truck"]), abs=1e-3)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Checkpoints of classifiers with random weights, as torchvision saves them."""
    import torch
    from safetensors.torch import save_file
    from torchvision import models

    from search.encoders import device  # noqa: F401

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("networks")
    torch.save(models.resnet18().state_dict(), folder / "resnet18.pt")
    save_file(models.resnet18(num_classes=7).state_dict(), folder / "other.safetensors")
    save_file(models.mobilenet_v3_small().state_dict(), folder / "mobilenet_v3_small.safetensors")
    return folder


@pytest.mark.parametrize(
    ("architecture", "file", "dimensions"),
    [
        ("resnet18", "resnet18.pt", 512),
        ("resnet18", "other.safetensors", 512),
        ("mobilenet_v3_small", "mobilenet_v3_small.safetensors", 576),
    ],
)
def test_a_network_of_torchvision_gives_unit_vectors_of_pictures_alone(networks, architecture, file, dimensions):
    encoder = load(f"torchvision:{architecture}:{networks / file}")
    assert (encoder.dimensions, encoder.takes_pictures, encoder.takes_text) == (dimensions, True, False)
    vectors = encoder.encode_images(pictures())
    assert are_units(vectors, 3, dimensions)
    assert np.array_equal(vectors, encoder.encode_pixels(encoder.transform.stack(pictures())))
    with pytest.raises(Unsupported, match="no text"):
        encoder.encode_text(["a truck"])


def test_a_resnet_says_what_comes_before_torchvisions_own_classes(networks):
    import torch
    from torchvision import models

    name = networks / "resnet18.pt"
    network = models.resnet18()
    network.load_state_dict(torch.load(name, weights_only=True))
    network.fc = torch.nn.Identity()
    preset = models.ResNet18_Weights.DEFAULT.transforms()
    with torch.inference_mode():
        theirs = network.eval()(torch.stack([preset(picture) for picture in pictures()])).numpy()
    ours = load(f"torchvision:resnet18:{name}").encode_images(pictures())
    assert (ours * theirs / np.linalg.norm(theirs, axis=1, keepdims=True)).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_vgg_has_as_many_dimensions_as_an_index_takes(tmp_path):
    import torch
    from torchvision import models

    from search.encoders import device  # noqa: F401

    torch.save(models.vgg11(init_weights=False).features.state_dict(prefix="features."), tmp_path / "vgg.pt")
    assert load(f"torchvision:vgg11:{tmp_path / 'vgg.pt'}").dimensions == 512


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("chinese-clip:nobody/nothing", "chinese-clip:/path/to/directory"),
        ("sentence-transformers:nobody/nothing", "sentence-transformers:all-MiniLM-L6-v2"),
        ("torchvision:resnet999/DEFAULT", "no architecture 'resnet999'"),
        ("torchvision:resnet50/NOTHING", "IMAGENET1K_V2"),
        ("torchvision:resnet50:nowhere.pt", "no checkpoint at nowhere.pt"),
        ("torchvision:vit_b_16/DEFAULT", "has no feature map"),
        ("torchvision:inception_v3/DEFAULT", "has no feature map"),
    ],
)
def test_a_model_that_cannot_be_had_is_answered_with_ways_out(name, says, monkeypatch, settings, tmp_path):
    settings.DAM_MODEL_CACHE = str(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable, match=says):
        load(name)


def test_a_checkpoint_of_another_network_is_refused(networks):
    with pytest.raises(ModelUnavailable, match="Ways out"):
        load(f"torchvision:resnet50:{networks / 'resnet18.pt'}")


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [
        ("chinese-clip:somebody/something", "transformers", "chinese"),
        (MINILM, "sentence_transformers", "descriptions"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_its_extra(name, library, extra):
    code = (
        f"import sys, django; django.setup(); sys.modules[{library!r}] = None\n"
        "from search.encoders import ModelUnavailable, load\n"
        f"try: load({name!r})\n"
        f"except ModelUnavailable as error: sys.exit('django-dam[{extra}]' not in str(error))\n"
        "sys.exit(2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
