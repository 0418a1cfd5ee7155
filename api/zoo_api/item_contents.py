"""The stored bytes of an item, and how they are sent."""

from __future__ import annotations

import io
import re
from pathlib import PurePosixPath

from flask import Response, send_file

from zoo.catalog import contents
from zoo.catalog.records import ItemRecord
from zoo.errors import DamagedError, InvalidError
from zoo.storage.packs import collected, read_stored
from zoo_api.collections import require_collection
from zoo_api.items import TEXT_KIND, kind_of, require_item
from zoo_api.services import services

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def stored_picture(name: str, item_id: str) -> tuple[ItemRecord, bytes]:
    """A picture with its original bytes; 422 `not_an_image` for a text."""
    item = _stored(name, item_id)
    if kind_of(item) == TEXT_KIND:
        raise InvalidError(
            f"item {item_id!r} is a text; read it at .../items/{item_id}/text",
            code="not_an_image",
        )
    return item, _read(item)


def stored_text(name: str, item_id: str) -> tuple[ItemRecord, bytes]:
    """A text with its original bytes; 422 `not_text` for a picture."""
    item = _stored(name, item_id)
    if kind_of(item) != TEXT_KIND:
        raise InvalidError(
            f"item {item_id!r} is a picture; see it at .../items/{item_id}/image",
            code="not_text",
        )
    return item, _read(item)


def send_content(content: bytes, mimetype: str, *, etag: str, download: str | None) -> Response:
    """An answer with bytes that came from outside."""
    response = send_file(
        io.BytesIO(content),
        mimetype=mimetype,
        as_attachment=download is not None,
        download_name=_file_name(download) or etag if download is not None else None,
        etag=etag,
        max_age=0,
    )
    # A browser must not take them for a page.
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _file_name(name: str) -> str:
    """The last part of a name, as a header and a disk take it; empty if nothing is left."""
    last = CONTROL.sub("_", PurePosixPath(name).name)
    return "" if last == ".." else last


def _stored(name: str, item_id: str) -> ItemRecord:
    with services().catalog.read() as session:
        return require_item(session, require_collection(session, name), item_id)


def read_kept(sha256: str, *, of: str) -> bytes:
    """The bytes of a content that something holds, whose name an error says."""
    with services().catalog.read() as session:
        content = contents.get_contents(session, [sha256]).get(sha256)
    if content is None:  # deleted, and collected, since it was looked up
        raise collected(sha256)
    try:
        return read_stored(services().catalog, services().blobs, content)
    except DamagedError as error:
        raise DamagedError(f"{of}: {error.detail}", code=error.code) from error


def _read(item: ItemRecord) -> bytes:
    return read_kept(item.sha256, of=f"item {item.item_id!r}")
