"""The sandbox's pixels are bit for bit those of timm's and torchvision's own transforms."""

import io
from pathlib import Path

import numpy as np
import pytest
import skimage
import sklearn
from numpy.typing import NDArray
from PIL import Image
from timm.data import create_transform
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from tests.pictures import picture
from zoo.backbone import CropMode, Interpolation, Preprocessing
from zoo.images.sandbox import Sandbox

PHOTOGRAPHS = sorted(
    path
    for folder in (Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent)
    for kind in ("*.jpg", "*.png", "*.gif")
    for path in folder.rglob(kind)
    if path.stat().st_size > 5_000
)
SIZES: tuple[tuple[int, float, Interpolation], ...] = (
    (224, 0.875, "bicubic"),
    (224, 0.95, "bilinear"),
    (299, 0.9, "bicubic"),
    (96, 1.0, "lanczos"),
    (64, 0.875, "nearest"),
)


def preprocessing(
    size: tuple[int, int], resize: int, interpolation: Interpolation
) -> Preprocessing:
    return Preprocessing(
        input_size=size,
        resize=resize,
        interpolation=interpolation,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )


def pixels_of(transform: transforms.Compose, image: Image.Image) -> NDArray[np.uint8]:
    steps = [
        step for step in transform.transforms if type(step).__name__ in ("Resize", "CenterCrop")
    ]
    assert len(steps) == 2
    return np.asarray(transforms.Compose(steps)(image))


def test_there_are_photographs_to_compare() -> None:
    assert len(PHOTOGRAPHS) >= 10


@pytest.mark.parametrize(("size", "crop", "interpolation"), SIZES)
def test_photographs_become_what_timm_makes_of_them(
    sandbox: Sandbox, size: int, crop: float, interpolation: Interpolation
) -> None:
    transform = create_transform(size, crop_pct=crop, interpolation=interpolation)
    wanted = preprocessing((size, size), int(size / crop), interpolation)
    compared = 0
    for path in PHOTOGRAPHS:
        content = path.read_bytes()
        with Image.open(path) as image:
            if image.has_transparency_data or image.mode.startswith("I"):
                continue  # laid over white, scaled from 16 bits: other pixels by intention
            expected = pixels_of(transform, image.convert("RGB"))
        assert np.array_equal(sandbox.decode(content, wanted).pixels, expected), path.name
        compared += 1
    assert compared >= 10


@pytest.mark.parametrize(
    "shape", [(500, 375), (375, 500), (225, 224), (97, 301), (20, 30), (1, 50)]
)
@pytest.mark.parametrize(
    ("input_size", "resize"),
    [((224, 224), 256), ((224, 224), 224), ((192, 128), 200), ((128, 192), 150), ((64, 64), 40)],
)
def test_any_shape_becomes_what_torchvision_makes_of_it(
    sandbox: Sandbox, shape: tuple[int, int], input_size: tuple[int, int], resize: int
) -> None:
    """Among them pictures that are smaller than the crop, which is filled up with black."""
    content = picture(7, width=shape[0], height=shape[1], kind="PNG")
    transform = transforms.Compose(
        [
            transforms.Resize(resize, InterpolationMode.BICUBIC),
            transforms.CenterCrop(input_size),
        ]
    )
    found = sandbox.decode(content, preprocessing(input_size, resize, "bicubic"))
    assert np.array_equal(found.pixels, np.asarray(transform(Image.open(io.BytesIO(content)))))


@pytest.mark.parametrize(
    ("size", "crop", "mode", "interpolation"),
    [
        ((224, 224), 1.0, "squash", "bicubic"),
        ((256, 192), 0.9, "squash", "bilinear"),
        ((256, 192), 0.95, "center", "bicubic"),
        ((378, 378), 1.0, "border", "bicubic"),
        ((224, 160), 0.9, "border", "bilinear"),
        ((448, 448), 1.15, "center", "bicubic"),
    ],
)
@pytest.mark.parametrize("shape", [(500, 375), (375, 501), (97, 301), (33, 20), (1, 50)])
def test_every_crop_mode_is_timms(
    sandbox: Sandbox,
    shape: tuple[int, int],
    size: tuple[int, int],
    crop: float,
    mode: CropMode,
    interpolation: Interpolation,
) -> None:
    content = picture(3, width=shape[0], height=shape[1], kind="PNG")
    mean = (0.4814, 0.4578, 0.4082)
    transform = create_transform(
        size, crop_pct=crop, crop_mode=mode, interpolation=interpolation, mean=mean
    )
    scaled = int(size[0] / crop), int(size[1] / crop)
    is_plain = mode == "center" and scaled[0] == scaled[1]
    wanted = Preprocessing(
        input_size=size,
        resize=scaled[0] if is_plain else scaled,
        interpolation=interpolation,
        mean=mean,
        std=(0.5, 0.5, 0.5),
        crop_mode=mode,
    )
    geometry = transforms.Compose(transform.transforms[:2])
    expected = np.asarray(geometry(Image.open(io.BytesIO(content)).convert("RGB")))

    assert np.array_equal(sandbox.decode(content, wanted).pixels, expected)
