"""Asking for a fine-tune job: all that can be known of it before it is queued."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from zoo.backbone import IMAGE, RANDOM_WEIGHTS, TEXT
from zoo.catalog import Session, features
from zoo.catalog.records import DatasetRecord, DatasetVersionRecord, JobRecord, ModelRecord
from zoo.errors import InvalidError, NotFoundError, PluginError
from zoo.jobs.intake import submit_fine_tune
from zoo.jobs.specs import FineTuneSpec, Shares
from zoo.jobs.strategies import (
    HEAD_ONLY,
    SCRATCH,
    STRATEGIES,
    StrategyPlan,
    make_plans,
    plan_to_json,
)
from zoo.jobs.validation import look_through
from zoo.names import check_own_name
from zoo.predictor import BackboneDetail
from zoo.registry.models import is_own, resolve_version
from zoo.registry.retiring import hold_backbone
from zoo.settings import CPU_QUEUE
from zoo.space import at_precision, split_precision
from zoo_api.backbones import find_backbone, ready_backbone
from zoo_api.datasets import require_dataset, require_dataset_version, require_filled
from zoo_api.inputs import towers_of
from zoo_api.services import services

SLACK = 1e-6
"""What decimal shares may miss 1 by, as binary numbers."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked for, with what its names mean at the moment of asking."""

    spec: FineTuneSpec
    version: DatasetVersionRecord
    parent: str  # the model that was named, of a user's own its very version
    plans: tuple[StrategyPlan, ...]
    untrained: str | None  # the backbone with random weights, where training begins with them


def prepare_fine_tune(spec: FineTuneSpec) -> Callable[[Session], JobRecord]:
    """What submits the job; raises what keeps it from being one."""
    check_own_name("model", spec.name)
    _check_shares(spec.splits)
    with services().catalog.read() as session:
        version, dataset = _dataset_version(session, spec, spec.dataset_version)
        # Here, as it takes long where there is much, and others wait for who writes.
        _check_sound(session, version)
        model = _exact(session, spec.model)
    backbone, detail = ready_backbone(model)
    _check_tower(dataset, detail, model=backbone.name)
    asked = Asked(
        spec=spec,
        version=version,
        parent=split_precision(model)[0],
        plans=make_plans(spec.choice, model=backbone.name, detail=detail),
        untrained=_untrained(backbone) if SCRATCH in spec.choice.asked else None,
    )
    return lambda session: _submit(session, asked, backbone, detail)


def _submit(
    session: Session, asked: Asked, backbone: ModelRecord, detail: BackboneDetail
) -> JobRecord:
    spec = asked.spec
    version, dataset = _dataset_version(session, spec, asked.version.version)
    if version.digest != asked.version.digest:  # another dataset has taken its name
        _check_sound(session, version)
    _check_tower(dataset, detail, model=backbone.name)
    hold_backbone(session, backbone)
    _check_plans(dataset, asked.plans)
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
        "dataset_kind": dataset.kind or IMAGE,
        "backbone": backbone.name,
        "model": backbone.name,
        "parent": asked.parent if is_own(asked.parent) else backbone.name,
        "untrained": asked.untrained,
        "space_id": space_id,
        "dim": detail.dim,
        "weights_hash": detail.weights_hash,
        "is_random": bool(backbone.card.get("is_random")),
        "plans": [plan_to_json(plan) for plan in asked.plans],
        "final_queue": _final_queue(asked.plans),
    }
    return submit_fine_tune(session, spec, work=work)


def _untrained(backbone: ModelRecord) -> str:
    """Its name with random weights, if it can be built so; only building it tells."""
    name = f"{backbone.plugin}.{backbone.architecture}.{RANDOM_WEIGHTS}"
    try:
        find_backbone(name)
    except (PluginError, NotFoundError) as error:
        others = ", ".join(one for one in STRATEGIES if one != SCRATCH)
        raise InvalidError(
            f"{backbone.name} cannot be trained by {SCRATCH!r}, as it cannot be built with random "
            f"weights: {error.detail}; {others} can be had",
            code="impossible_strategy",
            field="strategy",
        ) from error
    return name


def _final_queue(plans: Sequence[StrategyPlan]) -> str:
    """Where training goes: fitting a head is nothing for a GPU."""
    has_training = any(plan.trained for plan in plans)
    return services().settings.forward_queue if has_training else CPU_QUEUE


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


def _exact(session: Session, model: str) -> str:
    """A user's own version by its number: what an alias or `pets` means may change any moment."""
    if not is_own(model):
        return model
    plain, precision = split_precision(model)
    return at_precision(resolve_version(session, plain).name, precision)


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
    session: Session, spec: FineTuneSpec, number: int | None
) -> tuple[DatasetVersionRecord, DatasetRecord]:
    dataset = require_filled(session, spec.dataset)
    return require_dataset_version(session, dataset, number or dataset.version), dataset


def _check_sound(session: Session, version: DatasetVersionRecord) -> None:
    """Refuse what nothing can be trained on."""
    dataset = require_dataset(session, version.dataset)
    found = look_through(session, dataset.id, version)
    if found and found[0].severity == "error":
        raise InvalidError(
            f"dataset {version.dataset!r}, version {version.version}: {found[0].sentence}",
            code=found[0].kind,
            field="dataset",
        )
