"""The transform without torch gives the pixels of the libraries whose models are used with it."""

import json

import numpy as np
import pytest
from PIL import Image

from search.encoders import get_encoder
from search.encoders.open_clip import _transform, open_clip
from search.encoders.transform import Transform

SIZES = [(640, 427), (427, 640), (224, 224), (37, 53), (1, 1), (223, 225), (225, 224), (900, 101), (101, 900), (5, 400)]


def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(4)
    return [Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)) for width, height in SIZES]


def before_to_tensor(preprocess, picture):
    """What open_clip's transform has in hand when ToTensor begins."""
    for step in preprocess.transforms:
        if type(step).__name__ == "MaybeToTensor":
            return np.asarray(picture)
        picture = step(picture)
    raise AssertionError("no ToTensor in this transform")


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
@pytest.mark.parametrize("size", [224, (224, 224), (160, 208), (256, 128)])
def test_pixels_are_those_of_open_clips_transform(size, mode, interpolation):
    from open_clip.transform import PreprocessCfg, image_transform_v2

    config = PreprocessCfg(size=size, resize_mode=mode, interpolation=interpolation, fill_color=127)
    theirs, ours = image_transform_v2(config, is_train=False), _transform(vars(config))
    for picture in pictures():
        if mode == "longest" and max(picture.size) / min(picture.size) > 50:
            continue  # theirs scales to a side of no pixels
        assert np.array_equal(ours(picture), before_to_tensor(theirs, picture)), picture.size


@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-B-16-SigLIP", "MobileCLIP-S1", "ViTamin-S"])
def test_pixels_are_those_of_each_models_own_transform(name):
    tags = open_clip.list_pretrained_tags_by_model(name)
    own = open_clip.get_pretrained_cfg(name, tags[0]) if tags else {}
    size = open_clip.get_model_config(name)["vision_cfg"]["image_size"]
    config = open_clip.transform.PreprocessCfg(
        **open_clip.transform.merge_preprocess_dict(open_clip.transform.PreprocessCfg(size=size), own)
    )
    theirs, ours = open_clip.transform.image_transform_v2(config, is_train=False), _transform(vars(config))
    for picture in pictures():
        assert np.array_equal(ours(picture), before_to_tensor(theirs, picture)), picture.size


def test_pixels_are_those_of_torchvisions_classification_transform():
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    theirs = Compose([Resize(232, InterpolationMode.BILINEAR), CenterCrop(224)])
    ours = Transform(size=(224, 224), short=232, interpolation="bilinear")
    for picture in pictures():
        assert np.array_equal(ours(picture), np.asarray(theirs(picture))), picture.size


def test_a_picture_too_slim_to_be_seen_is_one_pixel_wide_and_no_error():
    assert Transform(size=(64, 64), mode="longest")(Image.new("RGB", (1, 5000), "white")).max() == 255


def test_it_comes_back_the_same_from_json():
    transform = Transform(size=(8, 9), mode="longest", fill=(1, 2, 3), mean=(0.1, 0.2, 0.3), short=None)
    assert Transform.from_dict(json.loads(json.dumps(transform.as_dict()))) == transform


def test_an_encoder_says_of_pixels_what_it_says_of_their_pictures():
    encoder = get_encoder("emoji-scenes")
    pixels = encoder.transform.stack(pictures())
    assert (pixels.dtype, pixels.shape) == (np.uint8, (len(SIZES), *encoder.transform.size, 3))
    assert np.array_equal(encoder.encode_pixels(pixels), encoder.encode_images(pictures()))
