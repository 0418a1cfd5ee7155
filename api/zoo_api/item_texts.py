"""The text of an item, as it came."""

from __future__ import annotations

from flask import Blueprint, Response

from zoo_api.codes import KEPT, REFERRED, merge
from zoo_api.contract import contract
from zoo_api.downloads import download
from zoo_api.item_contents import send_content, stored_text
from zoo_api.items import UNKNOWN_ITEM

item_texts = Blueprint("item_texts", __name__)

PLAIN = "text/plain"


@item_texts.get("/v1/collections/<name>/items/<item_id>/text")
@contract(*download(PLAIN), codes=merge(UNKNOWN_ITEM, KEPT, REFERRED, {422: ("not_text",)}))
def show_text(name: str, item_id: str) -> Response:
    """The text, in UTF-8."""
    item, content = stored_text(name, item_id)
    return send_content(content, PLAIN, etag=item.sha256, download=None)
