from pathlib import Path

import pytest

from zoo.errors import ContentError
from zoo.images.sandbox import Sandbox
from zoo.inference.models import LoadedModel, ModelCache
from zoo.inference.reading import read_content, tower_for
from zoo.inference.sandboxes import decode_limits
from zoo.predictor import BackboneRef
from zoo.settings import Settings
from zoo.testing import tiny_texts
from zoo.testing.pictures import picture


@pytest.fixture
def load(give, tmp_path: Path):
    give(tiny_texts.plugin.load)
    cache = ModelCache(Settings(home=tmp_path))

    def load(architecture: str) -> LoadedModel:
        return cache.get(BackboneRef(plugin="fake", architecture=architecture, weights="v1"))

    return load


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_two_towers_take_a_picture_for_one(load, kind: str) -> None:
    assert tower_for(picture(kind=kind), model=load("captions")) == "image"


@pytest.mark.parametrize(
    "content",
    [b"a cat", b"GIF89a is a format", b"BM is a country code", b"RIFFsizeWEBP", "é".encode()],
)
def test_two_towers_take_for_a_text_what_can_be_read_as_one(load, content: bytes) -> None:
    assert tower_for(content, model=load("captions")) == "text"


def test_one_tower_takes_everything_for_its_own_kind(load, give, tiny, tiny_ref, tmp_path) -> None:
    words = load("words")
    give(tiny())
    pictures = ModelCache(Settings(home=tmp_path)).get(tiny_ref)

    assert tower_for(picture(), model=words) == "text"
    assert tower_for(b"a cat", model=pictures) == "image"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"\xff\xfe\0a", "not_text"),
        (b"\n", "empty_text"),
    ],
)
def test_what_is_no_text_is_refused_with_its_code(load, content: bytes, code: str) -> None:
    limits = decode_limits(Settings(home=Path()))
    with Sandbox(limits) as sandbox, pytest.raises(ContentError) as caught:
        read_content(content, model=load("words"), sandbox=sandbox)

    assert caught.value.code == code
    assert sandbox.pid is None
