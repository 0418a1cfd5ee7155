"""The files that a job has written."""

from __future__ import annotations

from flask import Blueprint, Response, send_file

from zoo.catalog.records import Json
from zoo.errors import DamagedError, NotFoundError
from zoo.features.npz import MEDIA_TYPE
from zoo.jobs.ledger import require
from zoo.storage.blobs import file_sha256
from zoo_api.codes import KEPT, merge
from zoo_api.contract import contract
from zoo_api.downloads import download
from zoo_api.services import services

job_files = Blueprint("job_files", __name__)

MEDIA_TYPES = {"npz": MEDIA_TYPE, "parquet": "application/vnd.apache.parquet"}


@job_files.get("/v1/jobs/<job_id>/files/<version:number>")
@contract(
    *download(*MEDIA_TYPES.values()), codes=merge(KEPT, {404: ("unknown_file", "unknown_job")})
)
def download_file(job_id: str, number: int) -> Response:
    """A file of an extract job that has succeeded, verified before it is sent."""
    file = _require_file(job_id, number)
    path = services().blobs.local_path(file["key"])
    if file_sha256(path) != file["sha256"]:
        raise DamagedError(f"file {number} of job {job_id} is damaged")
    suffix = file["key"].rpartition(".")[2]
    return send_file(
        path,
        MEDIA_TYPES[suffix],
        as_attachment=True,
        download_name=f"{job_id}-{number}.{suffix}",
        etag=file["sha256"],
    )


def _require_file(job_id: str, number: int) -> Json:
    with services().catalog.read() as session:
        job = require(session, job_id)
    files: list[Json] = (job.result or {}).get("files", [])
    if number < len(files):
        return files[number]
    raise NotFoundError(
        f"job {job_id} has no file {number}; it has {len(files)}, counted from 0",
        code="unknown_file",
    )
