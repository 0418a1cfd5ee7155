"""GET .../artifact: a version as a file to take away."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

from flask import Blueprint, Response, send_file
from pydantic import Field

from zoo.catalog.records import VersionRecord
from zoo.errors import DamagedError, InvalidError
from zoo.registry.models import require_model, require_version
from zoo.storage.blobs import file_sha256, out_of_room
from zoo.storage.tensors import join_tensors, read_tensor_metadata
from zoo_api.codes import KEPT, MODEL, OWN_OR_BUILT, merge
from zoo_api.contract import Query, contract
from zoo_api.downloads import BYTES_TYPE, download
from zoo_api.forwarding import classifier_graph
from zoo_api.reading import Closed
from zoo_api.services import services

artifacts = Blueprint("artifacts", __name__)

SAFETENSORS, ONNX = "safetensors", "onnx"
FORMATS = [SAFETENSORS, ONNX]
JOINED = "featurezoo-classifier-1"
"""Stands in the metadata of a file that holds network and head."""
REFUSALS = {
    422: ("not_exportable", "unknown_format"),
    503: ("export_pending",),
    507: ("disk_full",),
}


@dataclass(frozen=True, kw_only=True)
class ArtifactQuery(Closed):
    """In which form to hand a version out."""

    format: Annotated[str, Field(json_schema_extra={"enum": FORMATS})] = SAFETENSORS


@artifacts.get("/v1/models/<name>/versions/<version:number>/artifact")
@contract(*download(BYTES_TYPE), codes=merge(MODEL, OWN_OR_BUILT, KEPT, REFUSALS))
def download_version(name: str, number: int, query: Query[ArtifactQuery]) -> Response:
    """The version as one file, verified before it is sent.

    `safetensors` is its head, with the network where that was tuned too; `onnx` the whole
    classifier, from pixels to logits.
    """
    if query.format not in FORMATS:
        raise InvalidError(
            f"format {query.format!r} is not offered; use 'safetensors' or 'onnx'",
            code="unknown_format",
            field="format",
        )
    with services().catalog.read() as session:
        version = require_version(session, require_model(session, name).name, number)
    if query.format == ONNX:
        return _graph(version)
    head = _verified(version, version.blob_key, version.sha256)
    if version.weights_key is None or version.weights_sha256 is None:
        return _sent(head, version, etag=version.sha256)
    network = _verified(version, version.weights_key, version.weights_sha256)
    with _joined(version, head=head, network=network) as path:
        etag = hashlib.sha256(f"{version.weights_sha256} {version.sha256}".encode()).hexdigest()
        return _sent(path, version, etag=etag)


def _verified(version: VersionRecord, key: str, sha256: str) -> Path:
    path = services().blobs.local_path(key)
    if file_sha256(path) != sha256:
        raise DamagedError(f"the file of {version.name} is damaged")
    return path


@contextmanager
def _joined(version: VersionRecord, *, head: Path, network: Path) -> Iterator[Path]:
    """Both in one file, which is gone afterwards: who has it open still reads it."""
    spool = services().settings.home / "tmp"
    spool.mkdir(parents=True, exist_ok=True)
    about = {
        "format": JOINED,
        "model": version.name,
        "backbone": version.backbone,
        "labels": read_tensor_metadata(head).get("labels", "[]"),
        "network": read_tensor_metadata(network).get("network", "{}"),
    }
    with NamedTemporaryFile(dir=spool, suffix=".safetensors") as file:
        try:
            join_tensors(file.file, {"network": network, "head": head}, metadata=about)
            file.flush()
        except OSError as error:
            raise out_of_room(f"the file of {version.name}", error) from error
        yield Path(file.name)


def _graph(version: VersionRecord) -> Response:
    """Made anew each time, of parts that are kept: a graph is seldom fetched twice."""
    graph = classifier_graph(version)
    return send_file(
        io.BytesIO(graph),
        mimetype=BYTES_TYPE,
        as_attachment=True,
        download_name=f"{version.model}-{version.version}.onnx",
        etag=hashlib.sha256(graph).hexdigest(),
    )


def _sent(path: Path, version: VersionRecord, *, etag: str) -> Response:
    return send_file(
        path,
        mimetype=BYTES_TYPE,
        as_attachment=True,
        download_name=f"{version.model}-{version.version}.safetensors",
        etag=etag,
    )
