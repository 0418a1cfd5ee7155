"""Asking for a fine-tune job: all that can be known of it before it is queued."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from zoo.backbone import IMAGE, TEXT
from zoo.catalog import Session, features
from zoo.catalog.records import DatasetRecord, DatasetVersionRecord, JobRecord, ModelRecord
from zoo.errors import InvalidError
from zoo.jobs.intake import submit_fine_tune
from zoo.jobs.specs import FineTuneSpec, Shares
from zoo.jobs.strategies import HEAD_ONLY, StrategyPlan, make_plans, plan_to_json
from zoo.jobs.validation import look_through
from zoo.names import check_own_name
from zoo.predictor import BackboneDetail
from zoo.registry.models import is_own, resolve_version
from zoo.registry.retiring import hold_backbone
from zoo.settings import CPU_QUEUE
from zoo.space import split_precision
from zoo_api.backbones import ready_backbone
from zoo_api.datasets import require_dataset_version, require_filled
from zoo_api.inputs import towers_of
from zoo_api.services import services

SLACK = 1e-6
"""What decimal shares may miss 1 by, as binary numbers."""


def prepare_fine_tune(spec: FineTuneSpec) -> Callable[[Session], JobRecord]:
    """What submits the job; raises what keeps it from being one."""
    check_own_name("model", spec.name)
    _check_shares(spec.splits)
    with services().catalog.read() as session:
        _dataset_version(session, spec)
    backbone, detail = ready_backbone(spec.model)
    return lambda session: _submit(session, spec, backbone, detail)


def _submit(
    session: Session, spec: FineTuneSpec, backbone: ModelRecord, detail: BackboneDetail
) -> JobRecord:
    version, dataset = _dataset_version(session, spec)
    _check_tower(dataset, detail, model=backbone.name)
    plans = make_plans(spec.choice, model=backbone.name, detail=detail)
    hold_backbone(session, backbone)
    _check_plans(dataset, plans)
    space_id = detail.space.space_id
    features.add_space(
        session,
        space_id,
        model=backbone.name,
        dim=detail.dim,
        description=asdict(detail.space),
    )
    work = {
        "dataset_id": dataset.id,
        "dataset_version": version.version,
        "backbone": backbone.name,
        "model": backbone.name,
        "parent": _parent(session, spec.model, backbone),
        "space_id": space_id,
        "dim": detail.dim,
        "weights_hash": detail.weights_hash,
        "is_random": bool(backbone.card.get("is_random")),
        "plans": [plan_to_json(plan) for plan in plans],
        # Fitting a head is nothing for a GPU.
        "final_queue": services().settings.forward_queue if _has_training(plans) else CPU_QUEUE,
    }
    return submit_fine_tune(session, spec, work=work)


def _has_training(plans: Sequence[StrategyPlan]) -> bool:
    """Whether a network is trained, and not only a head."""
    return any(plan.trained for plan in plans)


def _check_plans(dataset: DatasetRecord, plans: Sequence[StrategyPlan]) -> None:
    """Refuse to train an image tower on texts."""
    wrong = [plan.strategy for plan in plans if plan.strategy != HEAD_ONLY]
    if dataset.kind == TEXT and wrong:
        raise InvalidError(
            f"{wrong[0]} trains the image tower, and dataset {dataset.name!r} holds texts; "
            f"use {HEAD_ONLY}",
            code="impossible_strategy",
            field="strategy",
        )


def _parent(session: Session, model: str, backbone: ModelRecord) -> str:
    """What the new version comes from: the version that was named, or else the backbone."""
    if not is_own(model):
        return backbone.name
    return resolve_version(session, split_precision(model)[0]).name


def _check_shares(shares: Shares) -> None:
    total = sum(shares.by_side.values())
    if abs(total - 1) > SLACK:
        raise InvalidError(
            f"the shares of the splits sum to {total:g}; they should sum to 1", field="splits"
        )


def _check_tower(dataset: DatasetRecord, detail: BackboneDetail, *, model: str) -> None:
    """Refuse a backbone that cannot take what the dataset holds."""
    towers = towers_of(detail)
    if dataset.kind == TEXT and TEXT not in towers:
        raise InvalidError(
            f"{model} takes pictures, and dataset {dataset.name!r} holds texts; name a model that "
            "has a text tower",
            code="text_not_supported",
            field="model",
        )
    if dataset.kind != TEXT and IMAGE not in towers:
        raise InvalidError(
            f"{model} takes texts, and dataset {dataset.name!r} holds pictures; name a model that "
            "has an image tower",
            code="images_not_supported",
            field="model",
        )


def _dataset_version(
    session: Session, spec: FineTuneSpec
) -> tuple[DatasetVersionRecord, DatasetRecord]:
    dataset = require_filled(session, spec.dataset)
    version = require_dataset_version(session, dataset, spec.dataset_version or dataset.version)
    found = look_through(session, dataset.id, version)
    if found and found[0].severity == "error":
        raise InvalidError(
            f"dataset {spec.dataset!r}, version {version.version}: {found[0].sentence}",
            code=found[0].kind,
            field="dataset",
        )
    return version, dataset
