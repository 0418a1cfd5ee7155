"""POST /v1/embeddings: pictures to vectors, in the shape that OpenAI's clients read."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from flask import Blueprint

from zoo.predictor import FloatArray
from zoo_api.data_uris import decode_inputs
from zoo_api.forwarding import embed_images, resolve_asked
from zoo_api.pictures import Pictures, body_form, read_pictures
from zoo_api.reading import read_json
from zoo_api.scopes import needs

embeddings = Blueprint("embeddings", __name__)

Encoding = Literal["float", "base64"]


@dataclass(frozen=True, kw_only=True)
class EmbeddingsOptions:
    """What may stand beside the pictures; the last two are OpenAI's and change nothing."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    model: str
    encoding_format: Encoding = "float"
    user: str | None = None
    dimensions: None = None


@dataclass(frozen=True, kw_only=True)
class EmbeddingsRequest(EmbeddingsOptions):
    """A JSON request: one data: URI, or several."""

    input: str | list[str]


@embeddings.post("/v1/embeddings")
@needs("read")
def create_embeddings() -> dict[str, object]:
    """Embed up to 64 images; the vectors are as the backbone pools them, not normalised.

    404 unknown model; 422 for text, an unreadable image or too many.
    """
    options, pictures = _read()
    asked = resolve_asked(options.model)
    vectors = embed_images(asked.ref, pictures.images, fields=pictures.fields)
    encoded = [_encoded(vector, options.encoding_format) for vector in vectors]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": embedding}
            for index, embedding in enumerate(encoded)
        ],
        "model": asked.backbone.name,
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
        "space_id": asked.detail.space.space_id,
        "dim": asked.detail.dim,
    }


def _read() -> tuple[EmbeddingsOptions, Pictures]:
    if body_form() == "json":
        body = read_json(EmbeddingsRequest)
        return body, decode_inputs(body.input)
    return read_pictures(EmbeddingsOptions)


def _encoded(vector: FloatArray, encoding: Encoding) -> list[float] | str:
    if encoding == "float":
        floats: list[float] = vector.tolist()
        return floats
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
