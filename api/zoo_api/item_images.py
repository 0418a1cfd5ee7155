"""The picture of an item: its original bytes, or a small JPEG of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le
from flask import Blueprint, Response

from zoo.errors import IMAGE_CODES
from zoo.images.formats import media_type
from zoo_api.codes import KEPT, PREDICTED, REFERRED, merge
from zoo_api.contract import Query, contract
from zoo_api.downloads import BYTES_TYPE
from zoo_api.downloads import download as downloads
from zoo_api.item_contents import send_content, stored_picture
from zoo_api.items import UNKNOWN_ITEM
from zoo_api.reading import Closed
from zoo_api.services import services

item_images = Blueprint("item_images", __name__)


@dataclass(frozen=True, kw_only=True)
class ImageQuery(Closed):
    """How large the picture should be."""

    size: Annotated[int, Ge(1), Le(2048)] | None = None  # pixels of the longer side at most


@item_images.get("/v1/collections/<name>/items/<item_id>/image")
@contract(
    *downloads("image/*", BYTES_TYPE),
    codes=merge(UNKNOWN_ITEM, KEPT, REFERRED, PREDICTED, {422: sorted(IMAGE_CODES)}),
)
def show_image(name: str, item_id: str, query: Query[ImageQuery]) -> Response:
    """The original as a download, or with `size` a JPEG to look at."""
    item, original = stored_picture(name, item_id)
    return send_picture(original, query, sha256=item.sha256, download=item.name)


def send_picture(original: bytes, query: ImageQuery, *, sha256: str, download: str) -> Response:
    """The original as a download, or as small as was asked."""
    if query.size is None:
        kind = media_type(original) or BYTES_TYPE
        return send_content(original, kind, etag=sha256, download=download)
    small = services().predictor.thumbnail(original, size=query.size)
    return send_content(small, "image/jpeg", etag=f"{sha256}-{query.size}", download=None)
