"""The least that a service of this kind does with a POST: read the body, and answer with JSON."""

from __future__ import annotations

from hashlib import sha256

from flask import Flask, request

app = Flask(__name__)


@app.post("/", defaults={"path": ""})
@app.post("/<path:path>")
def take(path: str) -> tuple[dict[str, str], int]:
    """Tell what came."""
    return {"path": path, "sha256": sha256(request.get_data()).hexdigest()}, 202
