"""What a child says is believed only if it is one of the two things that it may say."""

import json

import pytest

from zoo.errors import IMAGE_CODES, ImageError
from zoo.images.replies import REFUSALS, Reply, parse_reply

GOOD = {"width": 4, "height": 3, "size": 36}


def test_a_reply_is_read() -> None:
    assert parse_reply(json.dumps(GOOD).encode()) == Reply(width=4, height=3, size_bytes=36)


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_refusal_is_read(code: str) -> None:
    found = parse_reply(json.dumps({"code": code, "detail": "why"}).encode())
    assert isinstance(found, ImageError)
    assert (found.code, found.detail) == (code, "why")
    assert code in IMAGE_CODES


@pytest.mark.parametrize("text", [b"", b"no", b"\xff", b"7", b"null", b"[]", b"[" * 60_000, b"{}"])
def test_what_is_no_reply_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of json's or ours
        parse_reply(text)


@pytest.mark.parametrize("name", ["width", "height", "size"])
@pytest.mark.parametrize("value", [None, "4", 4.0, True, -1, [4]])
def test_a_count_that_is_none_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"a reply whose {name} is "):
        parse_reply(json.dumps({**GOOD, name: value}).encode())


@pytest.mark.parametrize("code", ["decoder_crashed", "succeeded", 7, [], None])
def test_a_code_that_is_not_the_childs_to_give_is_refused(code: object) -> None:
    with pytest.raises(ValueError, match="a refusal with code "):
        parse_reply(json.dumps({"code": code, "detail": "why"}).encode())


@pytest.mark.parametrize("detail", [None, 7, "\ud800"])
def test_a_refusal_without_a_sentence_is_refused(detail: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - ours, or the codec's
        parse_reply(json.dumps({"code": "not_an_image", "detail": detail}).encode())
