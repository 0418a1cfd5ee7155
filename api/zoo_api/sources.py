"""Sources: what the service reads by itself, looked at before, and made a job of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from flask import Blueprint, Response, request
from typing_extensions import TypedDict

from zoo.catalog import Session, features
from zoo.catalog.records import JobRecord
from zoo.errors import InvalidError
from zoo.images.sources.counting import Counted, count_entries
from zoo.images.sources.opening import OpenedSource, open_path, open_url
from zoo.jobs.specs import SourceSpec
from zoo_api.accepted import idempotent, recalled
from zoo_api.collections import UNKNOWN, require_collection
from zoo_api.contract import Json, contract
from zoo_api.reading import Closed, closed
from zoo_api.services import services

sources = Blueprint("sources", __name__)

SOURCES = {
    403: ("source_not_allowed",),
    410: ("file_missing",),
    422: (
        "file_unreadable",
        "invalid_manifest",
        "invalid_source",
        "parquet_not_installed",
        "source_not_found",
        "unsupported_url",
    ),
    503: ("source_unavailable",),
}
LOOK_S = 5.0
"""How long a preview counts."""
ROW_BYTES = 1500
"""What a file takes in the catalog, about: 1,000 measured with SQLite, and its item."""


@dataclass(frozen=True, kw_only=True)
class SourceRequest(Closed):
    """A folder, manifest or archive that the service reads itself."""

    __pydantic_config__ = closed(examples=[{"source": {"path": "/srv/photos", "copy": False}}])

    source: SourceSpec


@dataclass(frozen=True, kw_only=True)
class PreviewRequest(Closed):
    """A source, and the collection that it is meant for, if it is for one."""

    source: SourceSpec
    collection: str | None = None


class Ending(TypedDict):
    """Files whose names end alike."""

    files: int
    bytes: int


class SourcePreview(TypedDict):
    """What a source holds and what taking it in would cost, at most."""

    files: int
    bytes: int
    unusable: int
    by_ending: dict[str, Ending]
    disk_bytes: int
    seconds: float
    is_complete: bool


@sources.post("/v1/sources/preview")
@contract(codes={**UNKNOWN, **SOURCES})
def preview_source(wanted: Json[PreviewRequest]) -> SourcePreview:
    """Count what a source holds, for five seconds at most; nothing is read or kept."""
    settings = services().settings
    dim, seconds_per_item = 0, settings.seconds_per_item
    if wanted.collection is not None:
        with services().catalog.read() as session:
            collection = require_collection(session, wanted.collection)
            measured = features.seconds_per_item(session, collection.space_id)
        dim, seconds_per_item = collection.dim, measured or seconds_per_item
    counted = count_entries(open_source(wanted.source).entries(), limit_s=LOOK_S)
    is_copied = wanted.source.copy or wanted.source.path is None
    return {
        "files": counted.files,
        "bytes": counted.size_bytes,
        "unusable": counted.unusable,
        "by_ending": {
            ending: {"files": n, "bytes": counted.bytes_by_ending[ending]}
            for ending, n in sorted(counted.files_by_ending.items())
        },
        "disk_bytes": _disk_bytes(counted, dim=dim, is_copied=is_copied),
        "seconds": round(counted.files * seconds_per_item / settings.cores, 1),
        "is_complete": counted.is_complete,
    }


def open_source(spec: SourceSpec) -> OpenedSource:
    """What a request names; `InvalidError` for what is not allowed or not there."""
    if spec.collection is not None or spec.label is not None:
        raise InvalidError(
            "a collection, and the field that labels its items, can be a dataset's source only",
            code="invalid_source",
            field="source",
        )
    if (spec.path is None) == (spec.url is None):
        raise InvalidError(
            "a source has either a path or a url", code="invalid_source", field="source"
        )
    settings = services().settings
    if spec.path is not None:
        return open_path(spec.path, settings)
    return open_url(spec.url or "", settings)


def read_once(wanted: SourceRequest, submit: Callable[[Session], JobRecord]) -> Response:
    """Have a source read that can be; a repeated request gets its job though that may be gone."""
    fingerprint = fingerprint_of(wanted)
    known = recalled(fingerprint)
    if known is not None:
        return known
    open_source(wanted.source)
    return idempotent(fingerprint, submit)


def fingerprint_of(wanted: SourceRequest) -> str:
    """What tells a repeated request from another one."""
    whole = json.dumps([request.path, asdict(wanted)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def _disk_bytes(counted: Counted, *, dim: int, is_copied: bool) -> int:
    copied = counted.size_bytes if is_copied else counted.archive_bytes
    return copied + counted.files * (4 * dim + ROW_BYTES)
