"""POST /v1/collections/{c}/search: the nearest items of a picture, text, item or vector."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Annotated, Any, cast

from annotated_types import Ge, Le
from flask import Blueprint
from typing_extensions import TypedDict

from zoo.catalog.records import CollectionRecord, ItemRecord
from zoo.errors import ConflictError, InvalidError
from zoo.search.flat import FloatArray, Metric
from zoo.search.index import check_vector
from zoo_api.backbones import ready_backbone
from zoo_api.codes import BUILT, KEPT, TEXTS, merge
from zoo_api.collections import Index, index_json, require_collection
from zoo_api.contract import contract
from zoo_api.data_uris import decode_data_uri
from zoo_api.forwarding import Asked, check_space
from zoo_api.inputs import Input, embed_inputs
from zoo_api.items import ItemKind, kind_of, require_item
from zoo_api.pictured import Pictured, Sent
from zoo_api.reading import Closed, FirstFault, closed
from zoo_api.scopes import needs
from zoo_api.services import services

search = Blueprint("search", __name__)

QUERIES = ("image", "text", "item_id", "vector")
REFUSALS = {
    404: ("unknown_collection", "unknown_item"),
    409: ("incompatible_space",),
    422: ("not_finite", "one_query_needed", "wrong_dimension", "zero_vector"),
    500: ("missing_embedding",),
}


@dataclass(frozen=True, kw_only=True)
class SearchOptions(Closed):
    """What may stand beside any query."""

    k: Annotated[int, Ge(1), Le(1000)] = 10
    min_score: float | None = None
    space_id: str | None = None  # the space that the query was made in, if the caller knows


@dataclass(frozen=True, kw_only=True)
class SearchRequest(SearchOptions):
    """A JSON request: exactly one of the four queries."""

    __pydantic_config__ = closed(
        oneOf=[
            {"required": [query], "properties": {query: {"not": {"type": "null"}}}}
            for query in QUERIES
        ],
        examples=[{"item_id": "item_01a1fed6a39f97ffbba2d1118436", "k": 5}],
    )

    image: str | None = None  # a data: URI
    text: str | None = None
    item_id: str | None = None
    vector: Annotated[list[float], FirstFault()] | None = None


@dataclass(frozen=True, kw_only=True)
class Query:
    """One query as it came, whichever way."""

    options: SearchOptions
    content: Input | None = None  # a picture or a text
    item_id: str | None = None
    vector: list[float] | None = None


class Hit(TypedDict):
    """A found item; higher scores are nearer under every metric."""

    item_id: str
    kind: ItemKind
    score: float
    metadata: dict[str, Any]
    name: str
    label: str | None


class Found(TypedDict):
    """The nearest items, best first, and in which space and by which index they are."""

    hits: list[Hit]
    model: str
    space_id: str
    index: Index
    took_ms: float


@search.post("/v1/collections/<name>/search")
@contract(codes=merge(BUILT, KEPT, REFUSALS, TEXTS))
@needs("read")
def search_collection(name: str, body: Pictured[SearchRequest, SearchOptions]) -> Found:
    """The k nearest items, best first.

    An item that is searched for comes before all others with the same score.
    """
    began = time.perf_counter()
    query = _query(body)
    with services().catalog.read() as session:
        collection = require_collection(session, name)
    _check_space(collection, query.options.space_id)
    vector, itself = _vector(collection, query)
    hits = services().searches.search(collection, vector, k=query.options.k, favoured=itself)
    least = -math.inf if query.options.min_score is None else query.options.min_score
    return {
        "hits": [hit_json(item, score) for item, score in hits if score >= least],
        "model": collection.model,
        "space_id": collection.space_id,
        "index": index_json(),
        "took_ms": round((time.perf_counter() - began) * 1000, 3),
    }


def hit_json(item: ItemRecord, score: float) -> Hit:
    """One found item as answered."""
    return {
        "item_id": item.item_id,
        "kind": kind_of(item),
        "score": score,
        "metadata": dict(item.metadata),
        "name": item.name,
        "label": item.label,
    }


def _query(body: SearchRequest | Sent[SearchOptions]) -> Query:
    if isinstance(body, SearchRequest):
        _check_one(body)
        content = _content(body)
        return Query(options=body, content=content, item_id=body.item_id, vector=body.vector)
    if len(body.pictures.images) > 1:
        raise InvalidError(
            f"the request holds {len(body.pictures.images)} images; a search takes one",
            code="too_many_images",
            field="image",
        )
    content = Input(content=body.pictures.images[0], field="image")
    return Query(options=body.options, content=content)


def _content(body: SearchRequest) -> Input | None:
    if body.image is not None:
        return Input(content=decode_data_uri(body.image, field="image"), field="image")
    return None if body.text is None else Input(content=body.text, field="text")


def _check_one(asked: SearchRequest) -> None:
    given = [name for name in QUERIES if getattr(asked, name) is not None]
    if len(given) != 1:
        raise InvalidError(
            f"the request holds {' and '.join(given) or 'no query'}; "
            "send exactly one of image, text, item_id and vector",
            code="one_query_needed",
        )


def _vector(collection: CollectionRecord, query: Query) -> tuple[FloatArray, int | None]:
    """What is searched for, and the primary key of the item that it is of, if it is of one."""
    if query.content is not None:
        return _embedded(collection, query.content), None
    if query.item_id is not None:
        with services().catalog.read() as session:
            item = require_item(session, collection, query.item_id)
        return services().searches.vector_of(collection, item.sha256), item.pk
    metric = cast("Metric", collection.metric)
    return check_vector(query.vector or [], dim=collection.dim, metric=metric), None


def _embedded(collection: CollectionRecord, content: Input) -> FloatArray:
    backbone, detail = ready_backbone(collection.model)
    check_space(detail, collection.space_id, owner=f"collection {collection.name!r}")
    asked = Asked(backbone=backbone, detail=detail, version=None)
    [vector] = embed_inputs(asked, [content]).vectors
    return check_vector(vector, dim=collection.dim, metric=cast("Metric", collection.metric))


def _check_space(collection: CollectionRecord, given: str | None) -> None:
    if given not in (None, collection.space_id):
        raise ConflictError(
            f"the query is from the space {given!r}, collection {collection.name!r} is in "
            f"{collection.space_id!r}; embed it with {collection.model}",
            code="incompatible_space",
        )
