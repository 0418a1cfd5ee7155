"""Asking for a fine-tune job: all that can be known of it before it is queued."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from zoo.backbone import IMAGE
from zoo.catalog import Session, features
from zoo.catalog.records import DatasetVersionRecord, JobRecord, ModelRecord
from zoo.errors import InvalidError
from zoo.jobs.intake import submit_fine_tune
from zoo.jobs.specs import FineTuneSpec
from zoo.jobs.strategies import StrategyPlan, make_plans, plan_to_json
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


def prepare_fine_tune(spec: FineTuneSpec) -> Callable[[Session], JobRecord]:
    """What submits the job; raises what keeps it from being one."""
    check_own_name("model", spec.name)
    with services().catalog.read() as session:
        _dataset_version(session, spec)
    backbone, detail = ready_backbone(spec.model)
    return lambda session: _submit(session, spec, backbone, detail)


def _submit(
    session: Session, spec: FineTuneSpec, backbone: ModelRecord, detail: BackboneDetail
) -> JobRecord:
    version, dataset_id = _dataset_version(session, spec)
    if IMAGE not in towers_of(detail):
        raise InvalidError(
            f"{backbone.name} takes texts, and datasets hold pictures; name a model that has an "
            "image tower",
            code="images_not_supported",
            field="model",
        )
    plans = make_plans(spec.choice, model=backbone.name, detail=detail)
    hold_backbone(session, backbone)
    space_id = detail.space.space_id
    features.add_space(
        session,
        space_id,
        model=backbone.name,
        dim=detail.dim,
        description=asdict(detail.space),
    )
    work = {
        "dataset_id": dataset_id,
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


def _parent(session: Session, model: str, backbone: ModelRecord) -> str:
    """What the new version comes from: the version that was named, or else the backbone."""
    if not is_own(model):
        return backbone.name
    return resolve_version(session, split_precision(model)[0]).name


def _dataset_version(session: Session, spec: FineTuneSpec) -> tuple[DatasetVersionRecord, int]:
    dataset = require_filled(session, spec.dataset)
    version = require_dataset_version(session, dataset, spec.dataset_version or dataset.version)
    if len(version.labels) > 1:
        return version, dataset.id
    raise InvalidError(
        f"dataset {spec.dataset!r} has one label only, {next(iter(version.labels))!r}; "
        "a classifier needs at least two",
        code="too_few_classes",
        field="dataset",
    )
