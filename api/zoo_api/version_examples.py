"""The examples that a dataset version holds, to be listed and looked at."""

from __future__ import annotations

from flask import Blueprint, Response

from zoo.backbone import TEXT
from zoo.catalog.records import DatasetRecord, ListedExample
from zoo.errors import IMAGE_CODES, InvalidError
from zoo_api.codes import KEPT, PREDICTED, REFERRED, merge
from zoo_api.contract import Query, contract
from zoo_api.dataset_versions import UNKNOWN_VERSION, require_version
from zoo_api.downloads import BYTES_TYPE, download
from zoo_api.examples import (
    ExampleItem,
    ExamplesQuery,
    example_json,
    examples_page,
    require_example,
)
from zoo_api.item_contents import read_kept, send_content
from zoo_api.item_images import ImageQuery, send_picture
from zoo_api.item_texts import PLAIN
from zoo_api.paging import Page
from zoo_api.services import services

version_examples = Blueprint("version_examples", __name__)

UNKNOWN = {404: (*UNKNOWN_VERSION[404], "unknown_item")}


@version_examples.get("/v1/datasets/<name>/versions/<version:number>/items")
@contract(codes=UNKNOWN_VERSION)
def list_version_examples(
    name: str, number: int, query: Query[ExamplesQuery]
) -> Page[ExampleItem]:
    """The examples of a version, a page at a time; those of a label or a split if asked."""
    with services().catalog.read() as session:
        dataset, _ = require_version(session, name, number)
        return examples_page(session, dataset, query, version=number)


@version_examples.get("/v1/datasets/<name>/versions/<version:number>/items/<item_id>")
@contract(codes=UNKNOWN)
def show_version_example(name: str, number: int, item_id: str) -> ExampleItem:
    """One example of a version."""
    return example_json(_require(name, number, item_id)[1])


@version_examples.get("/v1/datasets/<name>/versions/<version:number>/items/<item_id>/image")
@contract(
    *download("image/*", BYTES_TYPE),
    codes=merge(UNKNOWN, KEPT, REFERRED, PREDICTED, {422: sorted(IMAGE_CODES)}),
)
def show_example_image(name: str, number: int, item_id: str, query: Query[ImageQuery]) -> Response:
    """The original as a download, or with `size` a JPEG to look at."""
    dataset, example = _require(name, number, item_id)
    if dataset.kind == TEXT:
        raise InvalidError(
            f"item {item_id!r} is a text; read it at .../items/{item_id}/text",
            code="not_an_image",
        )
    original = read_kept(example.sha256, of=f"item {item_id!r}")
    return send_picture(original, query, sha256=example.sha256, download=example.name)


@version_examples.get("/v1/datasets/<name>/versions/<version:number>/items/<item_id>/text")
@contract(*download(PLAIN), codes=merge(UNKNOWN, KEPT, REFERRED, {422: ("not_text",)}))
def show_example_text(name: str, number: int, item_id: str) -> Response:
    """The text, in UTF-8."""
    dataset, example = _require(name, number, item_id)
    if dataset.kind != TEXT:
        raise InvalidError(
            f"item {item_id!r} is a picture; see it at .../items/{item_id}/image",
            code="not_text",
        )
    content = read_kept(example.sha256, of=f"item {item_id!r}")
    return send_content(content, PLAIN, etag=example.sha256, download=None)


def _require(name: str, number: int, item_id: str) -> tuple[DatasetRecord, ListedExample]:
    with services().catalog.read() as session:
        dataset, _ = require_version(session, name, number)
        return dataset, require_example(session, dataset, item_id, version=number)
