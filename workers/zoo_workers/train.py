"""The last shard of a fine-tune job: a head on cached features, judged on held-out images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from zoo.catalog import Session, datasets, features, jobs, models
from zoo.catalog.records import DatasetVersionRecord, Example
from zoo.errors import NotFoundError
from zoo.faults import Point, reach
from zoo.features.store import read_vectors
from zoo.jobs.ledger import Claim, fence, succeed
from zoo.jobs.specs import FineTuneSpec, read_fine_tune
from zoo.storage.blobs import file_sha256
from zoo.training.head_only import HeadOnlyResult, fit_and_evaluate
from zoo.training.heads import write_head
from zoo.training.reports import head_report_json
from zoo.training.samples import Sample
from zoo_workers.context import Context


def run(context: Context, claim: Claim) -> None:
    """Fit, judge and register one version; a repeated attempt registers no second one."""
    spec = read_fine_tune(claim.job.spec)
    version, examples, n_lost = _examples(context, claim, spec)
    vectors = read_vectors(
        context.catalog,
        context.segments,
        space_id=claim.job.work["space_id"],
        sha256s=[one.sha256 for one in examples],
    )
    with context.watchdog.resting():
        fitted = fit_and_evaluate(
            vectors,
            [one.label for one in examples],
            keys=[one.sha256 for one in examples],
            given_splits=[one.split for one in examples],
            seed=spec.seed,
            l2=spec.l2,
            samples=[Sample(item_id=one.item_id, name=one.name) for one in examples],
        )
    warnings = _warnings(fitted, n_lost)
    key, sha256, size_bytes = _store(context, claim, fitted, spec)
    reach(context.settings, Point.TRAIN_STORED)
    values = {
        "backbone": claim.job.work["backbone"],
        "space_id": claim.job.work["space_id"],
        "blob_key": key,
        "sha256": sha256,
        "size_bytes": size_bytes,
        "labels": list(fitted.head.labels),
        "lineage": _lineage(claim, spec, version, fitted),
        "metrics": dict(fitted.evaluation.metrics_json()),
        "report": head_report_json(fitted, warnings=warnings),
        "job_id": claim.job.id,
    }
    with context.catalog.write() as session:
        fence(session, claim)
        registered = models.add_version(session, spec.name, card=_card(claim), values=values)
        jobs.set_warnings(session, claim.job.id, warnings)
        reach(context.settings, Point.TRAIN_REGISTERED)
        name = f"{spec.name}:{registered.version}"
        succeed(session, claim, {"version": name, **_result(fitted)})


def _examples(
    context: Context, claim: Claim, spec: FineTuneSpec
) -> tuple[DatasetVersionRecord, list[Example], int]:
    work = claim.job.work
    with context.catalog.read() as session:
        version = datasets.get_version(session, spec.dataset, int(work["dataset_version"]))
        if version is None:
            raise NotFoundError(
                f"dataset {spec.dataset!r} was deleted before training began",
                code="dataset_deleted",
            )
        listed = datasets.list_examples(session, int(work["dataset_id"]), version=version.version)
        embedded = _embedded(session, str(work["space_id"]), listed)
    return version, embedded, len(listed) - len(embedded)


def _embedded(session: Session, space_id: str, listed: Sequence[Example]) -> list[Example]:
    """Those whose content could be embedded; the job's inputs say why others could not."""
    sha256s = [one.sha256 for one in listed]
    known = features.locate(session, space_id=space_id, sha256s=sha256s).keys()
    return [one for one in listed if one.sha256 in known]


def _store(
    context: Context, claim: Claim, fitted: HeadOnlyResult, spec: FineTuneSpec
) -> tuple[str, str, int]:
    metadata = {"model": spec.name, "backbone": str(claim.job.work["backbone"])}
    spool = context.settings.home / "tmp"
    spool.mkdir(exist_ok=True)
    with NamedTemporaryFile(dir=spool, suffix=".safetensors", delete=False) as file:
        path = Path(file.name)
    write_head(path, fitted.head, {**metadata, "space_id": str(claim.job.work["space_id"])})
    sha256, size_bytes = file_sha256(path), path.stat().st_size
    # Training gives the same bytes again: a name that comes twice may be on its way out.
    key = f"versions/{sha256}-{claim.shard.id}-{claim.shard.token}.safetensors"
    context.blobs.put(key, path)
    return key, sha256, size_bytes


def _lineage(
    claim: Claim, spec: FineTuneSpec, version: DatasetVersionRecord, fitted: HeadOnlyResult
) -> dict[str, Any]:
    work = claim.job.work
    return {
        "parent": work.get("parent", work["backbone"]),
        "backbone": work["backbone"],
        "weights_hash": claim.job.work["weights_hash"],
        "space_id": claim.job.work["space_id"],
        "dataset": spec.dataset,
        "dataset_version": version.version,
        "dataset_digest": version.digest,
        "strategy": spec.strategy,
        "seed": spec.seed,
        "l2": fitted.l2,
        "splits": asdict(fitted.sizes),
        "job_id": claim.job.id,
    }


def _card(claim: Claim) -> dict[str, Any]:
    return {"backbone": claim.job.work["backbone"], "is_random": claim.job.work["is_random"]}


def _result(fitted: HeadOnlyResult) -> Mapping[str, Any]:
    return {
        "metrics": fitted.evaluation.metrics_json(),
        "confusion_matrix": fitted.evaluation.confusion_matrix.to_json(),
        "l2": fitted.l2,
        "temperature": fitted.calibration.temperature,
        "train_accuracy": fitted.train_accuracy,
        "splits": asdict(fitted.sizes),
    }


def _warnings(fitted: HeadOnlyResult, n_lost: int) -> list[str]:
    found = []
    if n_lost:
        found.append(f"{n_lost} examples could not be embedded and were left out")
    if fitted.sizes.moved:
        found.append(
            f"{fitted.sizes.moved} examples have the same bytes as one of another split "
            "and were counted there, so that nothing leaks"
        )
    return found
