"""Items of a collection: sending, listing, changing and deleting them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Len
from flask import Blueprint, Response
from typing_extensions import TypedDict

from zoo.backbone import TEXT
from zoo.catalog import Session
from zoo.catalog import collections as catalog_collections
from zoo.catalog import items as catalog_items
from zoo.catalog.records import CollectionRecord, ItemRecord, JobRecord
from zoo.errors import InvalidError
from zoo.jobs.intake import submit_ingest, submit_source
from zoo.jobs.specs import IngestSpec, SourceSpec
from zoo.names import unknown
from zoo_api.accepted import ACCEPTED, idempotent, is_repeated
from zoo_api.backbones import ready_backbone
from zoo_api.codes import BUILT, merge
from zoo_api.collections import UNKNOWN, require_collection
from zoo_api.contract import Json, Query, contract
from zoo_api.deliveries import FilesOrJson, Incoming
from zoo_api.job_views import Instant, instant
from zoo_api.paging import Page, Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import Closed, closed
from zoo_api.said import Metadata, Name
from zoo_api.services import services
from zoo_api.sources import SOURCES, SourceRequest, read_once
from zoo_api.text_items import MAX_TEXTS, TextItem, receive_texts

items = Blueprint("items", __name__)

REFUSED_TEXTS = {422: ("repeated_id", "text_not_supported")}
UNKNOWN_ITEM = {404: ("unknown_collection", "unknown_item")}
ItemKind = Literal["image", "text"]
IMAGE_KIND: ItemKind = "image"
TEXT_KIND: ItemKind = "text"
NEAREST_AMONG = 200
"""Items whose ids an unknown one is compared with."""


@dataclass(frozen=True, kw_only=True)
class ItemsOptions(Closed):
    """What may stand beside the files."""

    name: str | None = None  # of the file, where it is the bare body


@dataclass(frozen=True, kw_only=True)
class ItemsRequest(Closed):
    """Texts, or a source that the service reads itself: one of the two."""

    __pydantic_config__ = closed(
        examples=[
            {"items": [{"text": "a cat on a stove", "id": "a-1", "metadata": {"page": 3}}]},
            {"source": {"path": "/srv/photos", "copy": False}},
        ],
        oneOf=[{"required": ["items"]}, {"required": ["source"]}],
    )

    items: Annotated[list[TextItem], Len(1, MAX_TEXTS)] | None = None
    source: SourceSpec | None = None


class ItemChange(TypedDict, total=False):
    """What of an item may be changed; what is absent stays, `metadata` is replaced as a whole."""

    __pydantic_config__ = closed(  # type: ignore[misc]  # pydantic's own way
        examples=[{"label": "cat", "metadata": {"shelf": 3}}]
    )

    name: Name
    label: Name | None
    metadata: Metadata


class Item(TypedDict):
    """A picture or a text in a collection; a text has no width and height."""

    id: str
    kind: ItemKind
    name: str
    label: str | None
    metadata: dict[str, Any]
    sha256: str
    width: int | None
    height: int | None
    created_at: Instant


@items.post("/v1/collections/<name>/items")
@contract(ACCEPTED, codes=merge(UNKNOWN, BUILT, REFUSED_TEXTS, SOURCES))
def send_items(name: str, body: FilesOrJson[ItemsRequest, Incoming[ItemsOptions]]) -> Response:
    """Take files or archives in, texts as JSON, or read a source; what cannot be read fails alone.

    JSON has either `items` or a `source`.
    """
    with services().catalog.read() as session:
        collection = None if is_repeated(session) else require_collection(session, name)
    if isinstance(body, ItemsRequest):
        _check_one(body)
        if body.source:
            return _read_source(name, SourceRequest(source=body.source))
        if collection is not None:
            _check_takes_texts(collection)
        received = receive_texts(body.items or [])
    else:
        _, received = body.receive()
    spec = IngestSpec(collection=name)

    def submit(session: Session) -> JobRecord:
        collection = require_collection(session, name)
        return submit_ingest(
            session,
            spec,
            received.delivery,
            work=_work(collection),
            settings=services().settings,
        )

    return idempotent(received.fingerprint, submit)


@items.get("/v1/collections/<name>/items")
@contract(codes=UNKNOWN)
def list_items(name: str, paging: Query[Paging]) -> Page[Item]:
    """Items in the order in which they came, a page at a time."""
    after = decode_cursor(paging.cursor, 0)
    with services().catalog.read() as session:
        collection = require_collection(session, name)
        found = catalog_items.list_items(
            session, collection.id, after=after, limit=paging.limit + 1
        )
    page = found[: paging.limit]
    more = encode_cursor(page[-1].pk) if len(found) > paging.limit else None
    return page_json([item_json(item) for item in page], next_cursor=more)


@items.get("/v1/collections/<name>/items/<item_id>")
@contract(codes=UNKNOWN_ITEM)
def show_item(name: str, item_id: str) -> Item:
    """One item."""
    with services().catalog.read() as session:
        return item_json(require_item(session, require_collection(session, name), item_id))


@items.patch("/v1/collections/<name>/items/<item_id>")
@contract(codes=UNKNOWN_ITEM)
def change_item(name: str, item_id: str, change: Json[ItemChange]) -> Item:
    """Change name, label or metadata; durable when answered."""
    with services().catalog.write() as session:
        collection = require_collection(session, name)
        changed = catalog_items.patch_item(session, collection.id, item_id, values=change)
        return item_json(changed or require_item(session, collection, item_id))


@items.delete("/v1/collections/<name>/items/<item_id>")
@contract(codes=UNKNOWN_ITEM)
def delete_item(name: str, item_id: str) -> None:
    """Delete an item; durable, and gone from searches, when answered."""
    with services().catalog.write() as session:
        collection = require_collection(session, name)
        require_item(session, collection, item_id)
        revision = catalog_collections.next_revision(session, collection.id)
        catalog_items.delete_item(session, collection.id, item_id, revision=revision or 0)


def require_item(session: Session, collection: CollectionRecord, item_id: str) -> ItemRecord:
    """An item by its id, or `NotFoundError` with the nearest."""
    found = catalog_items.get_item(session, collection.id, item_id)
    if found is None:
        some = catalog_items.list_items(session, collection.id, after=0, limit=NEAREST_AMONG)
        raise unknown("item", item_id, [item.item_id for item in some])
    return found


def kind_of(item: ItemRecord) -> ItemKind:
    """What an item is: every picture has a size by the time it is an item."""
    return TEXT_KIND if item.width is None else IMAGE_KIND


def item_json(item: ItemRecord) -> Item:
    """An item as answered."""
    return {
        "id": item.item_id,
        "kind": kind_of(item),
        "name": item.name,
        "label": item.label,
        "metadata": dict(item.metadata),
        "sha256": item.sha256,
        "width": item.width,
        "height": item.height,
        "created_at": instant(item.created_at),
    }


def _check_one(body: ItemsRequest) -> None:
    if (body.items is None) == (body.source is None):
        raise InvalidError(
            "the body has either items, which are texts, or a source",
            code="invalid",
            field="items",
        )


def _read_source(name: str, wanted: SourceRequest) -> Response:
    spec = IngestSpec(collection=name, source=wanted.source)

    def submit(session: Session) -> JobRecord:
        return submit_source(session, spec, work=_work(require_collection(session, name)))

    return read_once(wanted, submit)


def _check_takes_texts(collection: CollectionRecord) -> None:
    _, detail = ready_backbone(collection.model)
    if TEXT not in detail.towers:
        raise InvalidError(
            f"collection {collection.name!r} is embedded with {collection.model}, which takes "
            "pictures; make one with a model that has a text tower",
            code="text_not_supported",
            field="items",
        )


def _work(collection: CollectionRecord) -> dict[str, object]:
    return {
        "collection_id": collection.id,
        "model": collection.model,
        "space_id": collection.space_id,
        "dim": collection.dim,
    }
