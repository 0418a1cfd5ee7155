"""Each processor of transformers that is known prepares a picture as our own preparation does."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
from PIL import Image
from transformers import (
    BeitImageProcessor,
    BitImageProcessor,
    CLIPImageProcessor,
    ConvNextImageProcessor,
    DeiTImageProcessor,
    SiglipImageProcessor,
    ViTImageProcessor,
)

from tests.tiny_models import CROPPED, SQUASHED
from zoo.images.sandbox import Sandbox
from zoo.inference.sandboxes import decode_limits
from zoo.settings import Settings
from zoo.testing.pictures import picture
from zoo_transformers.pictures import read_preprocessing
from zoo_transformers.reading import UnusableError

PROCESSORS = [
    ViTImageProcessor(),
    SiglipImageProcessor(),
    CLIPImageProcessor(),
    CLIPImageProcessor(size={"shortest_edge": 61}, crop_size={"height": 40, "width": 48}),
    DeiTImageProcessor(),
    BeitImageProcessor(do_center_crop=True, size={"height": 60, "width": 70}, crop_size=48),
    BitImageProcessor(size={"shortest_edge": 256}, do_normalize=False),
    ConvNextImageProcessor(size={"shortest_edge": 224}),
    ConvNextImageProcessor(),
]
LEVELS = 4 / 255
"""transformers resizes in torch's eight-bit kernel, we in Pillow: so far apart at most, in a few
places; a shift by one pixel would show 20 times as much."""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(decode_limits(Settings(home=Path()))) as opened:
        yield opened


def photograph() -> bytes:
    return Path(sklearn.datasets.__file__).with_name("images").joinpath("china.jpg").read_bytes()


@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(
    "content",
    [picture(1, width=301, height=200, kind="PNG"), picture(2, width=97, height=130, kind="PNG")],
    ids=["wide", "tall"],
)
def test_a_picture_is_prepared_alike(sandbox, processor, content):
    check_alike(sandbox, processor, content)


@pytest.mark.slow
@pytest.mark.parametrize("processor", PROCESSORS, ids=lambda one: type(one).__name__)
def test_a_photograph_is_prepared_alike(sandbox, processor):
    check_alike(sandbox, processor, photograph())


def check_alike(sandbox, processor, content: bytes) -> None:
    preprocessing = read_preprocessing(json.loads(processor.to_json_string()))
    image = Image.open(io.BytesIO(content)).convert("RGB")
    (expected,) = processor(image, return_tensors="np").pixel_values

    pixels = sandbox.decode(content, preprocessing).pixels

    expected = expected.transpose(1, 2, 0) * preprocessing.std + preprocessing.mean
    assert pixels.shape == expected.shape
    difference = np.abs(pixels / 255 - expected)
    assert difference.max() < LEVELS
    assert difference.mean() < 0.5 / 255


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"image_processor_type": "SamImageProcessor"}, "'SamImageProcessor', which is not known"),
        ({"do_rescale": False}, "not scaled to 0 to 1 by dividing by 255"),
        ({"rescale_factor": 1 / 127.5}, "not scaled to 0 to 1 by dividing by 255"),
        ({"do_resize": False}, "not resized (do_resize is false)"),
        ({"do_pad": True}, "padded (do_pad is true)"),
        ({"resample": 5}, "resized by Pillow's filter 5"),
        ({"image_mean": 0.5}, "its image_mean is 0.5; it should be three numbers"),
        ({"size": {"shortest_edge": 8, "longest_edge": 9}}, "which gives no one size"),
        ({"do_center_crop": False}, "keep their shape: only one edge becomes 36"),
        ({"crop_size": {"shortest_edge": 8}}, "are cropped to {'shortest_edge': 8}"),
    ],
)
def test_what_we_cannot_do_is_refused_with_the_reason(fields, reason):
    with pytest.raises(UnusableError) as caught:
        read_preprocessing({**CROPPED, **fields})

    assert reason in str(caught.value)


def test_what_a_file_does_not_say_and_has_to_is_named():
    with pytest.raises(UnusableError, match="names no resample"):
        read_preprocessing({name: SQUASHED[name] for name in SQUASHED if name != "resample"})


def test_older_files_give_a_size_as_one_number():
    old = {"do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}
    squashed = {**old, "feature_extractor_type": "ViTFeatureExtractor", "size": 224}
    cropped = {
        **old,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "size": 224,
        "crop_size": 196,
    }

    assert read_preprocessing(squashed).resize == (224, 224)
    assert read_preprocessing(cropped).resize == 224
    assert read_preprocessing(cropped).input_size == (196, 196)
