import json

import pytest

from zoo import wire
from zoo.backbone import Preprocessing, TextPreprocessing
from zoo.errors import (
    ConflictError,
    ImageError,
    InvalidError,
    NotFoundError,
    PluginError,
    TextError,
    UnavailableError,
    WeightsUnavailableError,
    ZooError,
)


def test_a_frame_comes_back_as_it_was():
    header, blobs = wire.decode(wire.encode({"a": [1, None, "é"]}, b"xyz", b"", b"\x00\xff"))

    assert header == {"a": [1, None, "é"]}
    assert [bytes(blob) for blob in blobs] == [b"xyz", b"", b"\x00\xff"]


@pytest.mark.parametrize("body", [b"", b"\x05", b"\xff\xff\xff\xff{}", b"\x02\x00\x00\x00[]"])
def test_a_damaged_frame_is_refused(body):
    with pytest.raises(InvalidError) as caught:
        wire.decode(body)

    assert caught.value.code == "invalid_frame"
    assert str(caught.value) == (
        f"a frame of {len(body)} bytes is damaged; it should begin with its JSON part"
    )


def test_a_frame_that_lost_its_end_is_refused():
    with pytest.raises(InvalidError) as caught:
        wire.decode(wire.encode({}, b"12345")[:-2])

    assert str(caught.value) == "a frame carries 3 bytes of blobs; its header promises 5"


@pytest.mark.parametrize(
    "error",
    [
        ZooError("a"),
        NotFoundError("b", code="unknown_model", nearest=["x", "y"]),
        InvalidError("c", field="top_k"),
        ImageError("d", code="truncated_image"),
        ConflictError("e"),
        UnavailableError("f", code="predictor_busy", retry_after_s=7),
        PluginError("g", plugin="lite"),
        WeightsUnavailableError("h", plugin="lite"),
    ],
)
def test_an_error_comes_back_as_it_was(error):
    again = wire.error_from_json(wire.decode(wire.encode(wire.error_to_json(error)))[0])

    assert type(again) is type(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize("name", ["Sequence", "SystemExit", "annotations"])
def test_a_class_that_is_not_of_our_tree_becomes_a_plain_error(name):
    again = wire.error_from_json({"class": name, "code": "c", "detail": "d"})

    assert type(again) is ZooError


def test_preprocessing_comes_back_as_it_was():
    preprocessing = Preprocessing(
        input_size=(224, 192),
        resize=256,
        interpolation="bicubic",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )

    assert wire.preprocessing_from_json(wire.preprocessing_to_json(preprocessing)) == preprocessing
    assert again(preprocessing) == preprocessing


def test_a_texts_preprocessing_comes_back_as_one():
    preprocessing = TextPreprocessing(tokenizer="ab" * 32, max_tokens=256)

    assert again(preprocessing) == preprocessing


@pytest.mark.parametrize("value", ["\ud800", 1 << 70], ids=["half a character", "large"])
def test_what_is_too_much_for_the_fast_way_crosses_all_the_same(value):
    header, blobs = wire.decode(wire.encode({"value": value}, b"blob"))

    assert (header, [bytes(blob) for blob in blobs]) == ({"value": value}, [b"blob"])


def again(preprocessing):
    plain = json.loads(json.dumps(wire.preprocessing_to_json(preprocessing)))
    return wire.any_preprocessing_from_json(plain)


@pytest.mark.parametrize(
    "error", [ImageError("d", code="truncated_image"), TextError("d", code="empty_text")]
)
def test_why_one_content_of_many_failed_comes_back_as_it_was(error):
    found = wire.content_error_from_json(wire.error_to_json(error))

    assert type(found) is type(error)
    assert vars(found) == vars(error)
