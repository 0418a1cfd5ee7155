"""The routes as a document for programs (OpenAPI), and as a page for people."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import NotFound

from zoo_api.contract import Answer, contract
from zoo_api.contract.document import openapi

documentation = Blueprint("documentation", __name__)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>FeatureZoo: routes</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
"""
START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: "none",
});
"""
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "style-src 'self' 'unsafe-inline'; "  # Swagger UI sets styles of its own
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {
    "favicon-32x32.png": "image/png",
    "start.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
"""What the page consists of."""
SAME = Answer(status=304, headers=("ETag",))


@documentation.get("/openapi.json")
@contract(Answer(kind=dict[str, Any], headers=("ETag",), asks=("If-None-Match",)), SAME)
def show_openapi() -> Response:
    """This document."""
    return _cached(_document(), "application/json")


@documentation.get("/docs")
@contract(Answer(media=("text/html",)))
def show_docs() -> Response:
    """This document as a page; it needs nothing from elsewhere."""
    response = Response(PAGE, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    return response


@documentation.get("/docs/<asset>")
@contract(
    Answer(media=sorted(set(TYPES.values())), headers=("ETag",), asks=("If-None-Match",)), SAME
)
def show_docs_asset(asset: str) -> Response:
    """A part of the page."""
    if asset not in TYPES:
        raise NotFound
    found = START.encode() if asset == "start.js" else _swagger_file(asset)
    return _cached(found, TYPES[asset])


def _document() -> bytes:
    """The document as JSON, made with the first request: it takes as long as a hundred others."""
    made = current_app.extensions.get("zoo_openapi")
    if made is None:
        text = json.dumps(openapi(current_app), ensure_ascii=False, separators=(",", ":"))
        made = current_app.extensions["zoo_openapi"] = text.encode()
    return bytes(made)


def _swagger_file(name: str) -> bytes:
    return (files("flask_swagger_ui") / "dist" / name).read_bytes()


def _cached(content: bytes, mimetype: str) -> Response:
    response = Response(content, mimetype=mimetype)
    response.set_etag(hashlib.sha256(content).hexdigest())
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response
