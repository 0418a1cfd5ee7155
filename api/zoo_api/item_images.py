"""The picture of an item: its original bytes, or a small JPEG of it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated

from annotated_types import Ge, Le
from flask import Blueprint, Response, send_file

from zoo.catalog import contents
from zoo.catalog.records import ContentRecord, ItemRecord
from zoo.errors import IMAGE_CODES
from zoo.storage.packs import read_content
from zoo_api.codes import KEPT, PREDICTED, merge
from zoo_api.collections import require_collection
from zoo_api.contract import Query, contract
from zoo_api.downloads import BYTES_TYPE, download
from zoo_api.items import UNKNOWN_ITEM, require_item
from zoo_api.reading import Closed
from zoo_api.services import services

item_images = Blueprint("item_images", __name__)

MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (4, b"ftypavi", "image/avif"),
)
"""Where in a file which bytes stand, and the type that they mean."""


@dataclass(frozen=True, kw_only=True)
class ImageQuery(Closed):
    """How large the picture should be."""

    size: Annotated[int, Ge(1), Le(2048)] | None = None  # pixels of the longer side at most


@item_images.get("/v1/collections/<name>/items/<item_id>/image")
@contract(
    *download("image/*", BYTES_TYPE),
    codes=merge(UNKNOWN_ITEM, KEPT, PREDICTED, {422: sorted(IMAGE_CODES)}),
)
def show_image(name: str, item_id: str, query: Query[ImageQuery]) -> Response:
    """The original as a download, or with `size` a JPEG to look at."""
    item, content = _stored(name, item_id)
    original = read_content(services().blobs, content)
    if query.size is None:
        response = _send(original, media_type(original), etag=item.sha256, download=item.name)
    else:
        small = services().predictor.thumbnail(original, size=query.size)
        response = _send(small, "image/jpeg", etag=f"{item.sha256}-{query.size}", download=None)
    # The bytes came from outside: a browser must not take them for a page.
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def media_type(content: bytes) -> str:
    """What the first bytes say that a picture is."""
    matches = (
        kind for start, magic, kind in MAGIC if content[start : start + len(magic)] == magic
    )
    return next(matches, BYTES_TYPE)


def _stored(name: str, item_id: str) -> tuple[ItemRecord, ContentRecord]:
    with services().catalog.read() as session:
        item = require_item(session, require_collection(session, name), item_id)
        return item, contents.get_contents(session, [item.sha256])[item.sha256]


def _send(content: bytes, mimetype: str, *, etag: str, download: str | None) -> Response:
    return send_file(
        io.BytesIO(content),
        mimetype=mimetype,
        as_attachment=download is not None,
        download_name=PurePosixPath(download).name if download else None,
        etag=etag,
        max_age=0,
    )
