"""The examples of a dataset: sending them, looking at them, relabelling and deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from annotated_types import Len, MaxLen
from flask import Blueprint, Response
from typing_extensions import TypedDict

from zoo.backbone import TEXT
from zoo.catalog import Session
from zoo.catalog import collections as catalog_collections
from zoo.catalog import datasets as catalog_datasets
from zoo.catalog import examples as catalog_examples
from zoo.catalog.records import DatasetRecord, Example, JobRecord, ListedExample
from zoo.errors import ConflictError, InvalidError
from zoo.jobs.intake import (
    Arrival,
    Delivery,
    submit_collection,
    submit_ingest,
    submit_source,
)
from zoo.jobs.specs import IngestSpec, SourceSpec
from zoo.names import unknown
from zoo_api.accepted import ACCEPTED, idempotent, is_repeated
from zoo_api.codes import merge
from zoo_api.collections import require_collection
from zoo_api.contract import Json, Query, contract
from zoo_api.datasets import PLURAL, UNKNOWN, hold_dataset, require_dataset
from zoo_api.deliveries import Incoming, TablesOrJson
from zoo_api.items import NEAREST_AMONG
from zoo_api.paging import Page, Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import Closed, closed
from zoo_api.said import Metadata, Name
from zoo_api.services import services
from zoo_api.sources import SOURCES, SourceRequest, fingerprint_of, read_once
from zoo_api.text_items import MAX_TEXTS, Split, TextExample, receive_texts

examples = Blueprint("examples", __name__)

UNKNOWN_EXAMPLE = {404: ("unknown_dataset", "unknown_item")}
REFUSED = {
    404: ("unknown_collection",),
    409: ("collection_empty", "dataset_exists"),
    422: ("repeated_id",),
}
NO_LABEL = "the file has no label; send a form field 'label', or an archive of labelled folders"
SPELLINGS: Mapping[str, tuple[str, ...]] = {"validation": ("validation", "val")}


@dataclass(frozen=True, kw_only=True)
class ExamplesOptions(Closed):
    """What may stand beside the files."""

    name: str | None = None  # of the file, where it is the bare body
    label: Annotated[str, MaxLen(1000)] | None = None  # of every file that is no archive


@dataclass(frozen=True, kw_only=True)
class ExamplesRequest(Closed):
    """Labelled texts, or a source that the service reads itself: one of the two."""

    __pydantic_config__ = closed(
        examples=[
            {"items": [{"text": "not worth its money", "label": "bad"}]},
            {"source": {"path": "/srv/photos"}},
            {"source": {"collection": "photos", "label": "species"}},
        ],
        oneOf=[{"required": ["items"]}, {"required": ["source"]}],
    )

    items: Annotated[list[TextExample], Len(1, MAX_TEXTS)] | None = None
    source: SourceSpec | None = None


class ExampleChange(TypedDict, total=False):
    """What of an example may be changed; what is absent stays, `metadata` is replaced whole."""

    __pydantic_config__ = closed(  # type: ignore[misc]  # pydantic's own way
        examples=[{"label": "dog"}, {"split": "test"}]
    )

    name: Name
    label: Name
    split: Split | None
    metadata: Metadata


@dataclass(frozen=True, kw_only=True)
class ExamplesQuery(Paging):
    """Which examples: all, those of a label, those given for a split."""

    label: str | None = None
    split: Split | None = None


class ExampleItem(TypedDict):
    """A labelled picture or text."""

    id: str
    name: str
    label: str
    split: str | None
    metadata: dict[str, Any]
    sha256: str


@examples.post("/v1/datasets/<name>/items")
@contract(ACCEPTED, codes=merge(UNKNOWN, SOURCES, REFUSED))
def send_examples(
    name: str, body: TablesOrJson[ExamplesRequest, Incoming[ExamplesOptions]]
) -> Response:
    """Take labelled files or texts in, or read a source; the job's end seals the next version."""
    with services().catalog.read() as session:
        if not is_repeated(session):
            require_dataset(session, name)
    if isinstance(body, ExamplesRequest):
        return _read_json(name, body)
    options, received = body.receive(with_manifests=True)
    delivery = _labelled(received.delivery, options.label)
    return idempotent(
        received.fingerprint,
        lambda session: _submit(session, require_dataset(session, name), delivery),
    )


@examples.get("/v1/datasets/<name>/items")
@contract(codes=UNKNOWN)
def list_examples(name: str, query: Query[ExamplesQuery]) -> Page[ExampleItem]:
    """What the next version will hold, in the order in which it came, a page at a time."""
    with services().catalog.read() as session:
        dataset = require_dataset(session, name)
        return examples_page(session, dataset, query, version=None)


@examples.get("/v1/datasets/<name>/items/<item_id>")
@contract(codes=UNKNOWN_EXAMPLE)
def show_example(name: str, item_id: str) -> ExampleItem:
    """One example as the next version will hold it."""
    with services().catalog.read() as session:
        dataset = require_dataset(session, name)
        return example_json(require_example(session, dataset, item_id, version=None))


@examples.patch("/v1/datasets/<name>/items/<item_id>")
@contract(codes=UNKNOWN_EXAMPLE)
def change_example(name: str, item_id: str, change: Json[ExampleChange]) -> ExampleItem:
    """Change label, split, name or metadata from the next version on; durable when answered."""

    def patch(session: Session) -> ExampleItem:
        dataset = hold_dataset(session, name)
        found = require_example(session, dataset, item_id, version=None)
        said = {**vars(found), **change}
        del said["pk"]
        catalog_datasets.put_examples(session, dataset.id, [Example(**said)])
        return example_json(require_example(session, dataset, item_id, version=None))

    return services().catalog.transact(patch)


@examples.delete("/v1/datasets/<name>/items/<item_id>")
@contract(codes=UNKNOWN_EXAMPLE)
def delete_example(name: str, item_id: str) -> None:
    """Leave an example out from the next version on; durable when answered."""

    def delete(session: Session) -> None:
        dataset = hold_dataset(session, name)
        found = require_example(session, dataset, item_id, version=None)
        catalog_datasets.retire_examples(session, dataset.id, [found.pk])

    services().catalog.transact(delete)


def examples_page(
    session: Session, dataset: DatasetRecord, query: ExamplesQuery, *, version: int | None
) -> Page[ExampleItem]:
    """A page of the examples that were asked for."""
    found = catalog_examples.page_of_examples(
        session,
        dataset.id,
        version=version,
        after=decode_cursor(query.cursor, 0),
        limit=query.limit + 1,
        label=query.label,
        splits=SPELLINGS.get(query.split, (query.split,)) if query.split else (),
    )
    page = found[: query.limit]
    more = encode_cursor(page[-1].pk) if len(found) > query.limit else None
    return page_json([example_json(one) for one in page], next_cursor=more)


def require_example(
    session: Session, dataset: DatasetRecord, item_id: str, *, version: int | None
) -> ListedExample:
    """An example by its id, or `NotFoundError` with the nearest."""
    found = catalog_examples.get_example(session, dataset.id, item_id, version=version)
    if found is None:
        some = catalog_examples.page_of_examples(
            session, dataset.id, version=version, after=0, limit=NEAREST_AMONG
        )
        raise unknown("item", item_id, [one.item_id for one in some])
    return found


def example_json(example: Example) -> ExampleItem:
    """An example as answered."""
    return {
        "id": example.item_id,
        "name": example.name,
        "label": example.label,
        "split": example.split,
        "metadata": dict(example.metadata),
        "sha256": example.sha256,
    }


def _read_json(name: str, body: ExamplesRequest) -> Response:
    if (body.items is None) == (body.source is None):
        raise InvalidError(
            "the body has either items, which are texts, or a source", field="items"
        )
    if body.source is None:
        return _send_texts(name, body.items or [])
    if body.source.collection is not None:
        return _read_collection(name, body.source)
    return _read_source(name, SourceRequest(source=body.source))


def _send_texts(name: str, given: list[TextExample]) -> Response:
    with services().catalog.read() as session:
        if not is_repeated(session):
            _check_takes_texts(require_dataset(session, name))
    received = receive_texts(given)

    def submit(session: Session) -> JobRecord:
        dataset = require_dataset(session, name)
        settled = catalog_datasets.settle_kind(session, dataset.id, TEXT)
        _check_takes_texts(replace(dataset, kind=settled))
        return _submit(session, dataset, received.delivery)

    return idempotent(received.fingerprint, submit)


def _check_takes_texts(dataset: DatasetRecord) -> None:
    if dataset.kind not in (None, TEXT):
        raise ConflictError(
            f"dataset {dataset.name!r} holds {PLURAL[dataset.kind]}; make another for texts",
            code="dataset_exists",
        )


def _read_source(name: str, wanted: SourceRequest) -> Response:
    spec = IngestSpec(dataset=name, source=wanted.source)

    def submit(session: Session) -> JobRecord:
        return submit_source(session, spec, work={"dataset_id": require_dataset(session, name).id})

    return read_once(wanted, submit)


def _read_collection(name: str, source: SourceSpec) -> Response:
    if source.path is not None or source.url is not None:
        raise InvalidError(
            "a source has either a path, a url or a collection",
            code="invalid_source",
            field="source",
        )
    spec = IngestSpec(dataset=name, source=source)

    def submit(session: Session) -> JobRecord:
        collection = require_collection(session, source.collection or "")
        if not catalog_collections.count_items(session, collection.id):
            raise ConflictError(
                f"collection {collection.name!r} has no items yet; send some and wait for "
                "their job",
                code="collection_empty",
            )
        dataset = require_dataset(session, name)
        work = {"dataset_id": dataset.id, "from_collection_id": collection.id}
        return submit_collection(session, spec, work=work)

    return idempotent(fingerprint_of(SourceRequest(source=source)), submit)


def _submit(session: Session, dataset: DatasetRecord, delivery: Delivery) -> JobRecord:
    return submit_ingest(
        session,
        IngestSpec(dataset=dataset.name),
        delivery,
        work={"dataset_id": dataset.id},
        settings=services().settings,
    )


def _labelled(delivery: Delivery, label: str | None) -> Delivery:
    return replace(delivery, arrivals=[_with_label(one, label) for one in delivery.arrivals])


def _with_label(arrival: Arrival, label: str | None) -> Arrival:
    if arrival.error:
        return arrival
    if label:
        return replace(arrival, label=label)
    return replace(arrival, sha256=None, error=("no_label", NO_LABEL))
