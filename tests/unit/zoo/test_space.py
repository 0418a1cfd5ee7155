from dataclasses import replace

import pytest

from zoo.backbone import Preprocessing
from zoo.space import Space, TowerSpace

PREPROCESSING = Preprocessing(
    input_size=(224, 224),
    resize=256,
    interpolation="bicubic",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
TOWER = TowerSpace(tower="image", layer="", pooling="native", preprocessing=PREPROCESSING)
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
        replace(SPACE, towers=(TOWER, replace(TOWER, tower="text"))),
    ],
)
def test_whatever_changes_the_vectors_changes_the_space(other: Space) -> None:
    assert other.space_id != SPACE.space_id
