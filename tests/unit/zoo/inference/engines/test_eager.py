import io

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform

from zoo.inference.engines.eager import EagerEngine
from zoo.inference.loading import load_backbone


def test_pixels_are_normalised_as_the_preprocessing_says(give, tiny, tiny_ref, tmp_path):
    backbone = tiny()
    preprocessing = backbone.towers["image"].preprocessing
    object.__setattr__(preprocessing, "mean", (0.5, 0.25, 0.0))
    object.__setattr__(preprocessing, "std", (0.5, 0.25, 2.0))
    give(backbone)
    engine = EagerEngine(load_backbone(tiny_ref, weights_cache=tmp_path))

    vectors = engine.embed(np.full((2, 8, 8, 3), 255, np.uint8))

    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    np.testing.assert_allclose(vectors, [[1, 3, 0.5]] * 2, rtol=1e-6)


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg", "china.jpg"])
def test_lite0_gives_what_timm_and_pillow_give(lite0, tmp_path, photograph, name):
    loaded = load_backbone(lite0, weights_cache=tmp_path)
    picture = Image.open(io.BytesIO(photograph(name))).convert("RGB")
    transform = create_transform(
        224, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bicubic", crop_pct=0.875
    )
    reference = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    own = loaded.image_tower.module.state_dict()
    reference.load_state_dict(dict(zip(reference.state_dict(), own.values(), strict=True)))
    normalised = transform(picture)
    pixels = ((normalised * 0.5 + 0.5) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()

    (vector,) = EagerEngine(loaded).embed(pixels[np.newaxis].copy())

    with torch.inference_mode():
        (expected,) = reference(normalised[None]).numpy()
    np.testing.assert_allclose(vector, expected, atol=1e-4)
