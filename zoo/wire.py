"""What crosses the boundary between two of our own processes: frames, errors, preprocessing.

A frame is a JSON header followed by raw blobs, so that pixels and vectors are never encoded.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import orjson

from zoo import errors
from zoo.backbone import AnyPreprocessing, InputSizes, Preprocessing, TextPreprocessing
from zoo.errors import (
    ContentError,
    InvalidError,
    NotFoundError,
    PluginError,
    UnavailableError,
    ZooError,
)

_LENGTH = struct.Struct("<I")
_EXTRAS = ("nearest", "field", "plugin", "retry_after_s")

Header = dict[str, Any]
"""Decoded JSON: its shape is the reader's to check, field by field."""


def encode(header: Mapping[str, object], *blobs: bytes | memoryview) -> bytes:
    """One frame: the length of the JSON part (4 bytes), the JSON, the blobs end to end."""
    text = _written({"header": header, "sizes": [len(blob) for blob in blobs]})
    return b"".join([_LENGTH.pack(len(text)), text, *blobs])


def decode(body: bytes | bytearray) -> tuple[Header, list[memoryview]]:
    """The header and the blobs of a frame, without copying; raises `InvalidError` if damaged."""
    view = memoryview(body)
    try:
        (length,) = _LENGTH.unpack(view[: _LENGTH.size])
        start = _LENGTH.size + length
        frame = _read(view[_LENGTH.size : start])
        header, sizes = dict(frame["header"]), [int(size) for size in frame["sizes"]]
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise InvalidError(
            f"a frame of {len(body)} bytes is damaged; it should begin with its JSON part",
            code="invalid_frame",
        ) from error
    return header, _split(view[start:], sizes)


def _written(frame: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(frame)
    except TypeError:  # half a surrogate pair, of a file's name, or a number beyond 64 bits
        return json.dumps(frame).encode()


def _read(text: memoryview) -> Header:
    try:
        found: Header = orjson.loads(text)
    except ValueError:
        found = json.loads(bytes(text))
    return found


def _split(view: memoryview, sizes: list[int]) -> list[memoryview]:
    if any(size < 0 for size in sizes) or sum(sizes) != len(view):
        raise InvalidError(
            f"a frame carries {len(view)} bytes of blobs; its header promises {sum(sizes)}",
            code="invalid_frame",
        )
    blobs = []
    for size in sizes:
        blobs.append(view[:size])
        view = view[size:]
    return blobs


def error_to_json(error: ZooError) -> dict[str, object]:
    """An error with its class, code, sentence and what its class carries besides."""
    extras = {name: getattr(error, name) for name in _EXTRAS if hasattr(error, name)}
    return {"class": type(error).__name__, "code": error.code, "detail": error.detail, **extras}


def error_from_json(fields: Header) -> ZooError:
    """The same error again; a class that is not of our tree becomes a plain `ZooError`."""
    kind = getattr(errors, str(fields["class"]), ZooError)
    detail, code = str(fields["detail"]), str(fields["code"])
    if not (isinstance(kind, type) and issubclass(kind, ZooError)):
        return ZooError(detail, code=code)
    if issubclass(kind, PluginError):
        return kind(detail, plugin=str(fields["plugin"]), code=code)
    if issubclass(kind, NotFoundError):
        return kind(detail, code=code, nearest=tuple(fields["nearest"]))
    if issubclass(kind, InvalidError):
        return kind(detail, code=code, field=fields["field"])
    if issubclass(kind, UnavailableError):
        return kind(detail, code=code, retry_after_s=int(fields["retry_after_s"]))
    return kind(detail, code=code)


def content_error_from_json(fields: Header) -> ContentError:
    """The `ImageError` or `TextError` that stands for one input of many."""
    error = error_from_json(fields)
    if isinstance(error, ContentError):
        return error
    return ContentError(error.detail, code=error.code)


def preprocessing_to_json(preprocessing: AnyPreprocessing) -> dict[str, object]:
    """All fields, tuples as lists."""
    if isinstance(preprocessing, TextPreprocessing):
        return asdict(preprocessing)
    resize = preprocessing.resize
    return {
        "input_size": list(preprocessing.input_size),
        "resize": resize if isinstance(resize, int) else list(resize),
        "interpolation": preprocessing.interpolation,
        "mean": list(preprocessing.mean),
        "std": list(preprocessing.std),
        "crop_mode": preprocessing.crop_mode,
        "crop_rounding": preprocessing.crop_rounding,
    }


def any_preprocessing_from_json(fields: Header) -> AnyPreprocessing:
    """The same preprocessing again, a picture's or a text's; raises as the two below."""
    return (
        text_preprocessing_from_json(fields)
        if "tokenizer" in fields
        else preprocessing_from_json(fields)
    )


def text_preprocessing_from_json(fields: Header) -> TextPreprocessing:
    """The same preprocessing again; raises `KeyError`, `TypeError`, `ValueError` if malformed."""
    return TextPreprocessing(
        tokenizer=str(fields["tokenizer"]), max_tokens=int(fields["max_tokens"])
    )


def preprocessing_from_json(fields: Header) -> Preprocessing:
    """The same preprocessing again; raises `KeyError`, `TypeError`, `ValueError` if malformed."""
    red, green, blue = fields["mean"]
    red_std, green_std, blue_std = fields["std"]
    resize = fields["resize"]
    return Preprocessing(
        input_size=_size(fields["input_size"]),
        resize=_size(resize) if isinstance(resize, list | tuple) else int(resize),
        interpolation=fields["interpolation"],
        mean=(float(red), float(green), float(blue)),
        std=(float(red_std), float(green_std), float(blue_std)),
        crop_mode=fields.get("crop_mode", "center"),  # what was written before there were others
        crop_rounding=fields.get("crop_rounding", "even"),
    )


def input_sizes_to_json(sizes: InputSizes) -> dict[str, object]:
    """All fields, tuples as lists."""
    minimum = sizes.minimum
    return {"is_fixed": sizes.is_fixed, "minimum": None if minimum is None else list(minimum)}


def input_sizes_from_json(fields: Header) -> InputSizes:
    """The same sizes again."""
    minimum = fields["minimum"]
    return InputSizes(
        is_fixed=bool(fields["is_fixed"]), minimum=None if minimum is None else _size(minimum)
    )


def _size(pair: Iterable[int]) -> tuple[int, int]:
    height, width = pair
    return int(height), int(width)
