"""POST /v1/embeddings: pictures and texts to vectors, in the shape OpenAI's clients read."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from flask import Blueprint
from typing_extensions import TypedDict

from zoo.predictor import FloatArray
from zoo_api.codes import KEPT, OWN_OR_BUILT, TEXTS, merge
from zoo_api.contract import contract
from zoo_api.forwarding import resolve_asked
from zoo_api.inputs import embed_inputs, inputs_of
from zoo_api.pictured import Inputs, Pictured, Sent
from zoo_api.reading import Closed, closed
from zoo_api.scopes import needs

embeddings = Blueprint("embeddings", __name__)

Encoding = Literal["float", "base64"]


@dataclass(frozen=True, kw_only=True)
class EmbeddingsOptions(Closed):
    """What may stand beside the inputs; the last two are OpenAI's and change nothing."""

    model: str
    encoding_format: Encoding = "float"
    user: str | None = None
    dimensions: None = None


@dataclass(frozen=True, kw_only=True)
class EmbeddingsRequest(EmbeddingsOptions):
    """A JSON request: one data: URI or text, or several."""

    __pydantic_config__ = closed(
        examples=[{"model": "lite.efficientnet_lite0", "input": "data:image/png;base64,iVBORw0K"}]
    )

    input: Inputs


class Embedding(TypedDict):
    """The vector of one input; as base64 it is of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Usage(TypedDict):
    """OpenAI's count of tokens, special ones included: pictures have none."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(TypedDict):
    """Vectors in the order of the inputs, in OpenAI's shape."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage
    space_id: str
    dim: int


@embeddings.post("/v1/embeddings")
@contract(codes=merge(OWN_OR_BUILT, KEPT, TEXTS, {422: ("too_many_texts",)}))
@needs("read")
def create_embeddings(
    body: Pictured[EmbeddingsRequest, EmbeddingsOptions],
) -> Embeddings:
    """Embed up to 64 images, or 512 texts where the model takes them.

    The vectors are as the backbone pools them.
    """
    options = body.options if isinstance(body, Sent) else body
    asked = resolve_asked(options.model)
    embedded = embed_inputs(asked, inputs_of(body, asked))
    encoded = [_encoded(vector, options.encoding_format) for vector in embedded.vectors]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": embedding}
            for index, embedding in enumerate(encoded)
        ],
        "model": asked.backbone.name,
        "usage": {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens},
        "space_id": asked.detail.space.space_id,
        "dim": asked.detail.dim,
    }


def _encoded(vector: FloatArray, encoding: Encoding) -> list[float] | str:
    if encoding == "float":
        # Written as one, without a Python object a number; in double digits, so that both
        # encodings are the same numbers for who reads them as such.
        return cast("list[float]", vector.astype(np.float64))
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
