"""The tiny text backbones do what tests rely on."""

from zoo.testing import tiny_texts
from zoo.testing.pictures import COLOURS, coloured
from zoo.testing.service import ZooService


def test_the_vectors_of_colours_lie_where_their_pictures_do(zoo_service: ZooService) -> None:
    names = zoo_service.install_backbone(tiny_texts.plugin, name=tiny_texts.NAME)
    pictures = zoo_service.embed(tiny_texts.CAPTIONS, *(coloured(c) for c in COLOURS.values()))
    texts = zoo_service.embed_texts(tiny_texts.CAPTIONS, *(f"a {name} thing" for name in COLOURS))

    assert {tiny_texts.WORDS, tiny_texts.CAPTIONS} <= set(names)
    assert (texts @ pictures.T).argmax(axis=1).tolist() == [0, 1, 2]
