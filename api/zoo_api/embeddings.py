"""POST /v1/embeddings: pictures to vectors, in the shape that OpenAI's clients read."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal

from flask import Blueprint
from typing_extensions import TypedDict

from zoo.predictor import FloatArray
from zoo_api.codes import OWN_OR_BUILT
from zoo_api.contract import contract
from zoo_api.forwarding import embed_images, resolve_asked
from zoo_api.pictured import Pictured, pictures_of
from zoo_api.reading import Closed, closed
from zoo_api.scopes import needs

embeddings = Blueprint("embeddings", __name__)

Encoding = Literal["float", "base64"]


@dataclass(frozen=True, kw_only=True)
class EmbeddingsOptions(Closed):
    """What may stand beside the pictures; the last two are OpenAI's and change nothing."""

    model: str
    encoding_format: Encoding = "float"
    user: str | None = None
    dimensions: None = None


@dataclass(frozen=True, kw_only=True)
class EmbeddingsRequest(EmbeddingsOptions):
    """A JSON request: one data: URI, or several."""

    __pydantic_config__ = closed(
        examples=[{"model": "lite.efficientnet_lite0", "input": "data:image/png;base64,iVBORw0K"}]
    )

    input: str | list[str]


class Embedding(TypedDict):
    """The vector of one picture; as base64 it is of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(TypedDict):
    """OpenAI's count of tokens: pictures have none."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(TypedDict):
    """Vectors in the order of the pictures, in OpenAI's shape."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage
    space_id: str
    dim: int


@embeddings.post("/v1/embeddings")
@contract(codes=OWN_OR_BUILT)
@needs("read")
def create_embeddings(
    body: Pictured[EmbeddingsRequest, EmbeddingsOptions],
) -> Embeddings:
    """Embed up to 64 images; the vectors are as the backbone pools them, not normalised."""
    options, pictures = pictures_of(body)
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


def _encoded(vector: FloatArray, encoding: Encoding) -> list[float] | str:
    if encoding == "float":
        floats: list[float] = vector.tolist()
        return floats
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
