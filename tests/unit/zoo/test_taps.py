import json
from dataclasses import asdict

import pytest

from zoo.taps import Form, Tap, make_tap, size_of, tap_from_json


def tap(
    shape: tuple[int, ...], *, layout: str = "nchw", pool: str = "none", size=(224, 224)
) -> Tap:
    form = Form(layout=layout, pool=pool)
    return make_tap("deep", "layer4", shape=shape, form=form, input_size=size)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((512, 7, 7), (224, 224)),
        ((56, 56, 56), (224, 224)),  # as many channels as places: the common order
        ((2048, 1, 1), (224, 224)),
        ((64, 8, 16), (256, 512)),
        ((16, 5, 8), (160, 240)),  # 15 / 3 and 24 / 3, rounded
    ],
)
def test_channels_come_first_in_most_networks(shape, size):
    channels, high, wide = shape
    assert tap(shape, size=size).given == shape
    assert tap(shape, layout="nhwc", size=size).given == (high, wide, channels)
    assert tap(shape, pool="mean", size=size).given == (channels,)


@pytest.mark.parametrize(("shape", "size"), [((7, 7, 768), (224, 224)), ((8, 16, 96), (256, 512))])
def test_channels_that_come_last_are_told_by_the_pictures_sides(shape, size):
    high, wide, channels = shape
    assert tap(shape, size=size).given == (channels, high, wide)
    assert tap(shape, layout="nhwc", size=size).given == shape
    assert tap(shape, pool="mean", size=size).given == (channels,)


def test_sequences_and_vectors_have_no_layout():
    assert tap((197, 192), layout="nhwc").given == (197, 192)
    assert tap((197, 192), pool="mean").given == (192,)
    assert tap((1000,), layout="nhwc").given == (1000,)
    assert tap((1000,), pool="mean").given == (1000,)
    assert tap((2, 3, 4, 5), pool="mean").given == (2, 3, 4, 5)


def test_sizes_are_of_float32_and_add_up():
    maps, means = tap((512, 7, 7)), tap((512, 7, 7), pool="mean")
    assert (maps.size_bytes, means.size_bytes) == (100_352, 2_048)
    assert size_of([maps, means]) == 102_400


@pytest.mark.parametrize("pool", ["none", "mean"])
def test_a_tap_comes_back_from_json_as_it_was(pool):
    given = tap((7, 7, 768), pool=pool)
    assert tap_from_json(json.loads(json.dumps(asdict(given)))) == given
