"""What counts as a text: bytes that came from outside, read strictly; needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zoo.errors import TextError

MAX_TEXT_BYTES = 1_000_000
"""No encoder sees more than the first thousands of words; the rest would only cost time."""
TITLE_LETTERS = 80
_NUL = "\0"  # in files that are no text, hardly ever in one


def decode_text(content: bytes) -> str:
    """The text that UTF-8 bytes stand for, without its byte order mark; raises `TextError`."""
    _check_size(len(content))
    try:
        return check_text(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise TextError(
            f"the bytes are not UTF-8 text (byte {error.start} cannot stand there)",
            code="not_text",
        ) from error


def encode_text(text: str) -> bytes:
    """The bytes that a text is kept as; raises `TextError` for one that nobody could read."""
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise TextError(
            "the text holds half of a surrogate pair, which UTF-8 does not have", code="not_text"
        ) from error
    _check_size(len(content))
    check_text(text)
    return content


def check_text(text: str) -> str:
    """The same text; raises `TextError` if there is nothing in it to read."""
    if _NUL in text:
        raise TextError("the text holds a NUL character; it is not text", code="not_text")
    if not text.strip():
        raise TextError("the text is empty, or only white space", code="empty_text")
    return text


def in_batches(texts: Sequence[str], *, most: int) -> Iterator[list[str]]:
    """Neighbours together, `most` at most and together not longer than a single one may be.

    Reading a text of that size takes a tokenizer seconds, and all that are together at once.
    """
    batch: list[str] = []
    for text in texts:
        is_long = sum(map(len, batch)) + len(text) > MAX_TEXT_BYTES
        if batch and (is_long or len(batch) == most):
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def title_of(text: str) -> str:
    """What a text without a name is called: its first words."""
    return " ".join(text.split())[:TITLE_LETTERS] or "empty"


def is_text(content: bytes) -> bool:
    """Whether the bytes can be read as a text."""
    try:
        decode_text(content)
    except TextError:
        return False
    return True


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_TEXT_BYTES:
        raise TextError(
            f"the text has {size_bytes} bytes; at most {MAX_TEXT_BYTES} are read",
            code="text_too_long",
        )
