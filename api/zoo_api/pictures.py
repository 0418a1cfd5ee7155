"""Pictures as a request may bring them beside JSON: parts of a form, or the bare body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from flask import request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import UnsupportedMediaType

from zoo.errors import ImageError, InvalidError
from zoo_api.reading import read_form, read_query
from zoo_api.services import services

Options = TypeVar("Options")
MAX_IMAGES = 64
"""Images that one request may bring; more is an ingest."""
FILE_FIELDS = ("image", "files")
FORM_OVERHEAD_BYTES = 1_000_000  # the part headers and fields around the pictures
DRAIN_BYTES = 1 << 20

Form = Literal["json", "multipart", "raw"]


def body_form() -> Form:
    """In which of the three forms the body came; 415 for any other."""
    if request.is_json:
        return "json"
    if request.mimetype == "multipart/form-data":
        return "multipart"
    if request.mimetype.startswith("image/") or request.mimetype == "application/octet-stream":
        return "raw"
    raise UnsupportedMediaType(
        f"the body is {request.mimetype or 'of no media type'}; send application/json, "
        "multipart/form-data, image/* or application/octet-stream"
    )


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures with the names of the fields that they came in."""

    images: Sequence[bytes]
    fields: Sequence[str]


def read_picture(options: type[Options]) -> tuple[Options, Pictures]:
    """The picture of a bare body, and the query parameters as `options`; others are refused."""
    return read_query(options), Pictures(images=[_raw_body()], fields=["body"])


def read_pictures(options: type[Options]) -> tuple[Options, Pictures]:
    """The pictures of a multipart body, and what stood beside them.

    Form fields and query parameters are `options`; unknown ones are refused.
    """
    limit = MAX_IMAGES * services().settings.max_image_bytes + FORM_OVERHEAD_BYTES
    request.max_content_length = min(limit, services().settings.max_request_bytes)
    _check_file_fields()
    files = [file for name in FILE_FIELDS for file in request.files.getlist(name)]
    check_count(len(files))
    return read_form(options), Pictures(
        images=[_part(file) for file in files],
        fields=[f"{file.name}[{place}]" for place, file in enumerate(files)],
    )


def check_count(n: int) -> None:
    """Refuse a request without an image, or with too many."""
    if n == 0:
        raise InvalidError(
            "the request holds no image; send one as 'image' or several as 'files'",
            code="no_files",
            field="image",
        )
    if n > MAX_IMAGES:
        raise InvalidError(
            f"the request holds {n} images, at most {MAX_IMAGES} are allowed; "
            "ingest more into a collection",
            code="too_many_images",
        )


def check_bytes(content: bytes) -> ImageError | None:
    """Why these bytes need not be decoded at all."""
    limit = services().settings.max_image_bytes
    if not content:
        return ImageError("the file is empty", code="empty_file")
    if len(content) > limit:
        return ImageError(
            f"the file is larger than the {limit} bytes that an image may have",
            code="file_too_large",
        )
    return None


def _raw_body() -> bytes:
    length, limit = request.content_length, services().settings.max_image_bytes
    body = request.stream.read(limit + 1 if length is None else min(length, limit + 1))
    if len(body) == length:
        return body
    # Read to its end even if it is too long: a caller that still writes would see a broken pipe.
    while request.stream.read(DRAIN_BYTES):
        continue
    return body


def _part(file: FileStorage) -> bytes:
    # One byte beyond the limit is enough to see that there are too many.
    return file.stream.read(services().settings.max_image_bytes + 1)


def _check_file_fields() -> None:
    unknown = sorted(set(request.files) - set(FILE_FIELDS))
    if unknown:
        raise InvalidError(
            f"unknown file field {unknown[0]!r}; pictures are sent as 'image' or 'files'",
            code="unknown_field",
            field=unknown[0],
        )
