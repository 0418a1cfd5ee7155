import pytest

from zoo.errors import TEXT_CODES, TextError
from zoo.texts import MAX_TEXT_BYTES, decode_text, encode_text, in_batches, is_text


@pytest.mark.parametrize("text", ["plain", "ünï ☃ 第三", "two\nlines\tand more\r\n", " padded "])
def test_a_text_comes_back_as_it_was(text: str) -> None:
    assert decode_text(encode_text(text)) == text
    assert is_text(text.encode())


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert decode_text("\ufeffa cat".encode()) == "a cat"


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        (
            b"caf\xe9 au lait",
            "not_text",
            "the bytes are not UTF-8 text (byte 3 cannot stand there)",
        ),
        (b"a\0b", "not_text", "the text holds a NUL character; it is not text"),
        (b" \n\t", "empty_text", "the text is empty, or only white space"),
        ("\ufeff".encode(), "empty_text", "the text is empty, or only white space"),
        (
            b"a" * (MAX_TEXT_BYTES + 1),
            "text_too_long",
            "the text has 1000001 bytes; at most 1000000 are read",
        ),
    ],
)
def test_bytes_that_are_no_text_are_refused(content: bytes, code: str, sentence: str) -> None:
    with pytest.raises(TextError) as caught:
        decode_text(content)

    assert (caught.value.code, str(caught.value)) == (code, sentence)
    assert code in TEXT_CODES
    assert not is_text(content)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("half a pair \ud800", "not_text"),
        ("a\0b", "not_text"),
        ("", "empty_text"),
        ("é" * (MAX_TEXT_BYTES // 2 + 1), "text_too_long"),
    ],
)
def test_a_text_that_cannot_be_kept_is_refused(text: str, code: str) -> None:
    with pytest.raises(TextError) as caught:
        encode_text(text)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([], []),
        ([1, 2, 3, 4], [[1, 2, 3], [4]]),
        ([999_999, 1, 1], [[999_999, 1], [1]]),
        ([1_000_000, 5, 1_000_000], [[1_000_000], [5], [1_000_000]]),
    ],
)
def test_texts_go_together_until_they_are_many_or_long(
    lengths: list[int], expected: list[list[int]]
) -> None:
    batches = in_batches(["a" * length for length in lengths], most=3)

    assert [[len(text) for text in batch] for batch in batches] == expected
