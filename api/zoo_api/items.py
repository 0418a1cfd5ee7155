"""Items of a collection: sending, listing, changing and deleting them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from flask import Blueprint, Response
from pydantic import BaseModel, ConfigDict, JsonValue, StringConstraints, field_validator

from zoo.catalog import Session
from zoo.catalog import collections as catalog_collections
from zoo.catalog import items as catalog_items
from zoo.catalog.records import CollectionRecord, ItemRecord, JobRecord
from zoo.jobs.intake import submit_ingest
from zoo.jobs.specs import IngestSpec
from zoo.names import unknown
from zoo_api.accepted import idempotent
from zoo_api.collections import require_collection
from zoo_api.job_views import instant
from zoo_api.paging import Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import read_json, read_query, validated
from zoo_api.services import services
from zoo_api.uploads import receive_delivery

items = Blueprint("items", __name__)

NEAREST_AMONG = 200
"""Items whose ids an unknown one is compared with."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


@dataclass(frozen=True, kw_only=True)
class ItemsOptions:
    """What may stand beside the files."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    name: str | None = None  # of the file, where it is the bare body


class ItemChange(BaseModel):
    """What of an item may be changed; what is absent stays, `metadata` is replaced as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text = ""
    label: Text | None = None
    metadata: dict[str, JsonValue] = {}

    @field_validator("metadata")
    @classmethod
    def check_finite(cls, given: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Refuse 1e999 and the like: as infinity no JSON could answer it again."""
        json.dumps(given, allow_nan=False)
        return given


@items.post("/v1/collections/<name>/items")
def send_items(name: str) -> Response:
    """Take files or archives in; 202 with the ingest job, unreadable files are failed inputs."""
    with services().catalog.read() as session:
        require_collection(session, name)
    received = receive_delivery()
    validated(ItemsOptions, received.fields)
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
def list_items(name: str) -> dict[str, object]:
    """Items in the order in which they came, a page at a time."""
    paging = read_query(Paging)
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
def show_item(name: str, item_id: str) -> dict[str, object]:
    """One item; 404 with the nearest ids."""
    with services().catalog.read() as session:
        return item_json(require_item(session, require_collection(session, name), item_id))


@items.patch("/v1/collections/<name>/items/<item_id>")
def change_item(name: str, item_id: str) -> dict[str, object]:
    """Change name, label or metadata; durable when answered."""
    change = read_json(ItemChange)
    values = change.model_dump(exclude_unset=True)
    with services().catalog.write() as session:
        collection = require_collection(session, name)
        changed = catalog_items.patch_item(session, collection.id, item_id, values=values)
        return item_json(changed or require_item(session, collection, item_id))


@items.delete("/v1/collections/<name>/items/<item_id>")
def delete_item(name: str, item_id: str) -> tuple[str, int]:
    """Delete an item; durable, and gone from searches, when answered."""
    with services().catalog.write() as session:
        collection = require_collection(session, name)
        require_item(session, collection, item_id)
        revision = catalog_collections.next_revision(session, collection.id)
        catalog_items.delete_item(session, collection.id, item_id, revision=revision or 0)
    return "", 204


def require_item(session: Session, collection: CollectionRecord, item_id: str) -> ItemRecord:
    """An item by its id, or `NotFoundError` with the nearest."""
    found = catalog_items.get_item(session, collection.id, item_id)
    if found is None:
        some = catalog_items.list_items(session, collection.id, after=0, limit=NEAREST_AMONG)
        raise unknown("item", item_id, [item.item_id for item in some])
    return found


def item_json(item: ItemRecord) -> dict[str, object]:
    """An item as answered."""
    return {
        "id": item.item_id,
        "name": item.name,
        "label": item.label,
        "metadata": dict(item.metadata),
        "sha256": item.sha256,
        "width": item.width,
        "height": item.height,
        "created_at": instant(item.created_at),
    }


def _work(collection: CollectionRecord) -> dict[str, object]:
    return {
        "collection_id": collection.id,
        "model": collection.model,
        "space_id": collection.space_id,
        "dim": collection.dim,
    }
