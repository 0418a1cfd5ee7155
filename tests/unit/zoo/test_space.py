from dataclasses import replace

from zoo.backbone import Preprocessing
from zoo.space import Space, TowerSpace

PREPROCESSING = Preprocessing(
    input_size=(224, 224),
    resize=256,
    interpolation="bicubic",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)


def space(preprocessing: Preprocessing) -> Space:
    tower = TowerSpace(tower="image", layer="", pooling="native", preprocessing=preprocessing)
    return Space(weights_hash="ab", architecture="x", towers=(tower,))


def test_what_was_added_later_leaves_the_spaces_of_its_default_alone():
    assert space(PREPROCESSING).space_id == (
        "683db540af52b734f078c412e514a8737491994c9ac55910e99ad6896b502158"
    )


def test_another_geometry_is_another_space():
    cover = replace(PREPROCESSING, resize=(256, 256))
    squash = replace(cover, crop_mode="squash")

    assert len({space(one).space_id for one in (PREPROCESSING, cover, squash)}) == 3
