"""Collections: named sets of items to search."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Literal, cast

from flask import Blueprint
from typing_extensions import TypedDict

from zoo.backbone import RANDOM_WEIGHTS
from zoo.catalog import Session, features
from zoo.catalog import collections as catalog_collections
from zoo.catalog.records import CollectionRecord, ModelRecord
from zoo.errors import ConflictError, InvalidError, NotFoundError
from zoo.names import unknown
from zoo.predictor import BackboneDetail
from zoo.registry.retiring import hold_for_collection
from zoo.space import split_precision
from zoo_api.backbones import ready_backbone
from zoo_api.codes import STOOD_ON, merge
from zoo_api.contract import Json, OwnName, Query, contract
from zoo_api.job_views import Instant, instant
from zoo_api.paging import Page, Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import Closed, closed
from zoo_api.services import services

collections = Blueprint("collections", __name__)

Metric = Literal["cosine", "ip", "l2"]
UNKNOWN = {404: ("unknown_collection",)}
REFUSALS = {
    409: ("collection_exists", "version_archived"),
    422: ("brought_vectors_not_served", "unexpected_field"),
}


@dataclass(frozen=True, kw_only=True)
class CollectionRequest(Closed):
    """What a collection is made with."""

    __pydantic_config__ = closed(examples=[{"model": "lite.efficientnet_lite0"}])

    model: str | None
    metric: Metric = "cosine"
    dim: int | None = None
    space: str | None = None


class Index(TypedDict):
    """What a collection is searched with."""

    kind: Literal["flat"]
    exact: bool


class Collection(TypedDict):
    """A named set of items to search."""

    name: str
    model: str
    metric: Metric
    dim: int
    space_id: str
    generation: int
    items: int
    index: Index
    is_random: bool
    created_at: Instant


@collections.put("/v1/collections/<name>")
@contract(statuses=(200, 201), codes=merge(STOOD_ON, REFUSALS))
def create_collection(
    name: Annotated[str, OwnName("collection")], wanted: Json[CollectionRequest]
) -> tuple[Collection, int]:
    """Create a collection (201), or answer the one that is there (200).

    One that is there with another model or metric is a conflict.
    """
    backbone, detail = ready_backbone(_backbone_name(wanted))

    def put(session: Session) -> tuple[Collection, int]:
        known = catalog_collections.get_collection(session, name)
        if known is None:
            made = _create(session, name, wanted.metric, backbone, detail)
            return collection_json(session, made), 201
        _check_same(known, model=backbone.name, metric=wanted.metric)
        return collection_json(session, known), 200

    return services().catalog.transact(put)


@collections.get("/v1/collections")
@contract()
def list_collections(paging: Query[Paging]) -> Page[Collection]:
    """Collections by name, a page at a time."""
    after = decode_cursor(paging.cursor, "")
    with services().catalog.read() as session:
        found = catalog_collections.list_collections(session, after=after, limit=paging.limit + 1)
        page = found[: paging.limit]
        rows = [collection_json(session, collection) for collection in page]
    more = encode_cursor(page[-1].name) if len(found) > paging.limit else None
    return page_json(rows, next_cursor=more)


@collections.get("/v1/collections/<name>")
@contract(codes=UNKNOWN)
def show_collection(name: str) -> Collection:
    """One collection."""
    with services().catalog.read() as session:
        return collection_json(session, require_collection(session, name))


@collections.delete("/v1/collections/<name>")
@contract(codes=UNKNOWN)
def delete_collection(name: str) -> None:
    """Delete a collection with its items; embeddings stay in the feature store."""
    with services().catalog.write() as session:
        if not catalog_collections.delete_collection(session, name):
            raise _unknown(session, name)


def require_collection(session: Session, name: str) -> CollectionRecord:
    """A collection by name, or `NotFoundError` with the nearest."""
    found = catalog_collections.get_collection(session, name)
    if found is None:
        raise _unknown(session, name)
    return found


def collection_json(session: Session, collection: CollectionRecord) -> Collection:
    """A collection as answered."""
    return {
        "name": collection.name,
        "model": collection.model,
        "metric": cast("Metric", collection.metric),
        "dim": collection.dim,
        "space_id": collection.space_id,
        "generation": collection.generation,
        "items": catalog_collections.count_items(session, collection.id),
        "index": index_json(),
        "is_random": _tag(collection.model) == [RANDOM_WEIGHTS],
        "created_at": instant(collection.created_at),
    }


def index_json() -> Index:
    """What every collection is searched with."""
    return {"kind": "flat", "exact": True}


def _unknown(session: Session, name: str) -> NotFoundError:
    return unknown("collection", name, catalog_collections.collection_names(session))


def _backbone_name(wanted: CollectionRequest) -> str:
    if wanted.model is None:
        raise InvalidError(
            "collections of vectors that you bring are not served yet; name a backbone as 'model'",
            code="brought_vectors_not_served",
            field="model",
        )
    for field in ("dim", "space"):
        if getattr(wanted, field) is not None:
            raise InvalidError(
                f"{field!r} goes with 'model': null only; {wanted.model!r} brings its own",
                code="unexpected_field",
                field=field,
            )
    return wanted.model


def _create(
    session: Session, name: str, metric: str, backbone: ModelRecord, detail: BackboneDetail
) -> CollectionRecord:
    hold_for_collection(session, backbone)
    space = detail.space
    features.add_space(
        session, space.space_id, model=backbone.name, dim=detail.dim, description=asdict(space)
    )
    return catalog_collections.create_collection(
        session, name, model=backbone.name, metric=metric, space_id=space.space_id
    )


def _check_same(known: CollectionRecord, *, model: str, metric: str) -> None:
    differing = [
        f"its {what} is {has!r}, not {asked!r}"
        for what, has, asked in (
            ("model", known.model, model),
            ("metric", known.metric, metric),
        )
        if has != asked
    ]
    if differing:
        raise ConflictError(
            f"collection {known.name!r} exists already: {' and '.join(differing)}",
            code="collection_exists",
        )


def _tag(model: str) -> list[str]:
    """The weights tag in a backbone's name, whatever its precision."""
    return split_precision(model)[0].split(".", 2)[2:]
