from dataclasses import replace

import pytest

from zoo.backbone import Preprocessing, TextPreprocessing
from zoo.space import Space, TowerSpace, at_precision, split_precision

PREPROCESSING = Preprocessing(
    input_size=(224, 224),
    resize=256,
    interpolation="bicubic",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
TOWER = TowerSpace(tower="image", layer="", pooling="native", preprocessing=PREPROCESSING)
TEXT = TextPreprocessing(tokenizer="ab" * 32, max_tokens=16)
TEXT_TOWER = TowerSpace(tower="text", layer="", pooling="native", preprocessing=TEXT)
SPACE = Space(weights_hash="a" * 64, architecture="tiny", towers=(TOWER,))


def test_the_same_space_has_the_same_id_in_every_process() -> None:
    assert SPACE.space_id == replace(SPACE).space_id
    assert len(SPACE.space_id) == 64


@pytest.mark.parametrize(
    "other",
    [
        replace(SPACE, weights_hash="b" * 64),
        replace(SPACE, architecture="small"),
        replace(SPACE, towers=(replace(TOWER, layer="block4"),)),
        replace(SPACE, towers=(replace(TOWER, pooling="max"),)),
        replace(
            SPACE,
            towers=(replace(TOWER, preprocessing=replace(PREPROCESSING, input_size=(192, 192))),),
        ),
        replace(SPACE, towers=(TOWER, TEXT_TOWER)),
        replace(SPACE, definition="c" * 64),
        replace(SPACE, precision="bfloat16"),
    ],
)
def test_whatever_changes_the_vectors_changes_the_space(other: Space) -> None:
    assert other.space_id != SPACE.space_id


def in_space(preprocessing: Preprocessing) -> str:
    tower = replace(TOWER, preprocessing=preprocessing)
    return Space(weights_hash="ab", architecture="x", towers=(tower,)).space_id


def test_what_was_added_later_leaves_the_spaces_of_its_default_alone() -> None:
    assert in_space(PREPROCESSING) == (
        "683db540af52b734f078c412e514a8737491994c9ac55910e99ad6896b502158"
    )


def test_another_geometry_is_another_space() -> None:
    cover = replace(PREPROCESSING, resize=(256, 256))
    squash = replace(cover, crop_mode="squash")

    down = replace(PREPROCESSING, crop_rounding="down")
    assert len({in_space(one) for one in (PREPROCESSING, cover, squash, down)}) == 4


def test_another_tokenizer_or_length_is_another_space() -> None:
    towers = (
        TEXT_TOWER,
        replace(TEXT_TOWER, preprocessing=replace(TEXT, tokenizer="cd" * 32)),
        replace(TEXT_TOWER, preprocessing=replace(TEXT, max_tokens=17)),
    )

    assert len({replace(SPACE, towers=(tower,)).space_id for tower in towers}) == 3


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("lite.tiny.in1k", ("lite.tiny.in1k", "float32")),
        ("lite.tiny.in1k:bf16", ("lite.tiny.in1k", "bfloat16")),
        ("lite.tiny:bfloat16", ("lite.tiny", "bfloat16")),
        ("lite.tiny:BF16", ("lite.tiny", "bfloat16")),
        ("lite.tiny:fp32", ("lite.tiny", "float32")),
        ("lite.tiny:int8", ("lite.tiny:int8", "float32")),
        ("pets:3", ("pets:3", "float32")),
        (":bf16", (":bf16", "float32")),
    ],
)
def test_a_name_tells_its_precision(name: str, split: tuple[str, str]) -> None:
    assert split_precision(name) == split


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_is_spelled_so_that_it_is_read_again(precision: str) -> None:
    assert split_precision(at_precision("lite.tiny.in1k", precision)) == (
        "lite.tiny.in1k",
        precision,
    )
