"""The model card of a version: what it is, where it comes from, how far it can be trusted.

Its fields have the names of Hugging Face's model cards where those have one for the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from typing_extensions import TypedDict

from zoo.backbone import TEXT
from zoo.catalog import Session, models
from zoo.catalog.records import Json, ModelRecord, VersionRecord
from zoo.registry.models import VERSION_NAME, require_model, require_version
from zoo.space import split_precision

LONGEST_LINE = 32
"""Of versions that were fine-tuned from each other: more are followed no further."""
FROM_NOTHING = "scratch"
"""The strategy that uses nothing of what its backbone has learnt."""


class BaseWeights(TypedDict):
    """The weights that all began with, as their publishers describe them."""

    name: str
    is_random: bool
    license: str | None
    source_data: str | None
    domain: str | None
    known_biases: str | None
    source: str | None


class TrainedOn(TypedDict):
    """What a version was trained on and judged by."""

    dataset: str | None
    version: int | None
    digest: str | None
    splits: dict[str, int]
    examples: list[dict[str, Any]]  # how many of each label stood on each side


class Results(TypedDict):
    """What evaluation on held-out examples found; empty where no report was kept."""

    metrics: dict[str, Any]
    calibration: dict[str, Any]
    classes: list[dict[str, Any]]
    slices: list[dict[str, Any]]
    worst_slice: dict[str, Any] | None


class ModelCard(TypedDict):
    """A version for those who have not made it."""

    model_name: str
    description: str
    library_name: Literal["featurezoo"]
    pipeline_tag: Literal["image-classification", "text-classification"]
    base_model: str
    base_weights: BaseWeights | None  # null if what gave them is no longer installed
    license: str | None  # of the base weights, whose terms hold for what is made of them
    labels: list[str]
    direct_use: str
    out_of_scope_use: str
    training_data: TrainedOn
    training: dict[str, Any]
    results: Results
    limitations: list[str]
    warnings: list[str]
    lineage: dict[str, Any]
    sha256: str
    size_bytes: int
    created_at: str


def make_model_card(session: Session, name: str, number: int) -> ModelCard:
    """The card of a version; raises as `require_version` does."""
    version = require_version(session, require_model(session, name).name, number)
    base = _find_base(session, version)
    weights = None if base is None else _weights(base)
    report = models.get_report(session, version.model, version.version) or {}
    takes_texts = _takes_texts(version, base)
    return {
        "model_name": f"{version.model}:{version.version}",
        "description": _description(version),
        "library_name": "featurezoo",
        "pipeline_tag": "text-classification" if takes_texts else "image-classification",
        "base_model": _began_with(version),
        "base_weights": weights,
        "license": weights and weights["license"],
        "labels": list(version.labels),
        "direct_use": _direct_use(version, takes_texts=takes_texts),
        "out_of_scope_use": (
            "What has none of its labels, examples unlike those of its dataset, and decisions "
            "about people that no person looks over."
        ),
        "training_data": _trained_on(version, report),
        "training": dict(report.get("training", {})),
        "results": _results(version, report),
        "limitations": _limitations(version, weights),
        "warnings": list(report.get("warnings", ())),
        "lineage": dict(version.lineage),
        "sha256": version.sha256,
        "size_bytes": version.size_bytes,
        "created_at": version.created_at.isoformat(),
    }


def _takes_texts(version: VersionRecord, base: ModelRecord | None) -> bool:
    """By what it was trained on: a backbone may take both. Older versions do not say."""
    kind = version.lineage.get("dataset_kind")
    if kind is not None:
        return bool(kind == TEXT)
    return base is not None and list(base.card.get("towers", ())) == [TEXT]


def _find_base(session: Session, version: VersionRecord) -> ModelRecord | None:
    """The plugin's backbone that a version began with, through all that it was made from."""
    name = _began_with(version)
    for _ in range(LONGEST_LINE):
        plain, _ = split_precision(name)
        base = models.get_model(session, plain)
        if base is not None and base.kind == "backbone":
            return base
        parent = _find_version(session, plain)
        if parent is None:
            return None
        name = _began_with(parent)
    return None


def _began_with(version: VersionRecord) -> str:
    """Whose weights training began with: those of its backbone, or random ones."""
    if version.lineage.get("strategy") == FROM_NOTHING:
        return str(version.lineage["parent"])
    return version.backbone


def _find_version(session: Session, name: str) -> VersionRecord | None:
    match = VERSION_NAME.fullmatch(name)
    if match is None or match["version"] is None:
        return None
    return models.get_version(session, match["name"], int(match["version"]))


def _weights(base: ModelRecord) -> BaseWeights:
    given: Sequence[Mapping[str, Any]] = base.card.get("weights", ())
    found = next((one for one in given if one.get("tag") == base.weights_tag), {})
    return {
        "name": base.name,
        "is_random": bool(base.card.get("is_random")),
        "license": found.get("licence"),
        "source_data": found.get("source_data"),
        "domain": found.get("domain"),
        "known_biases": found.get("known_biases"),
        "source": found.get("source") or None,
    }


def _description(version: VersionRecord) -> str:
    strategy = version.lineage.get("strategy", "fine-tuning")
    return (
        f"A classifier of {len(version.labels)} labels on the backbone {version.backbone}, made "
        f"by {strategy} on version {version.lineage.get('dataset_version')} of the dataset "
        f"{version.lineage.get('dataset')}."
    )


def _direct_use(version: VersionRecord, *, takes_texts: bool) -> str:
    kind = "texts" if takes_texts else "pictures"
    return (
        f"Telling which of its {len(version.labels)} labels belongs to {kind} like those of the "
        f"dataset {version.lineage.get('dataset')}."
    )


def _trained_on(version: VersionRecord, report: Json) -> TrainedOn:
    lineage = version.lineage
    return {
        "dataset": lineage.get("dataset"),
        "version": lineage.get("dataset_version"),
        "digest": lineage.get("dataset_digest"),
        "splits": dict(lineage.get("splits", {})),
        "examples": list(report.get("examples", ())),
    }


def _results(version: VersionRecord, report: Json) -> Results:
    return {
        "metrics": dict(version.metrics),
        "calibration": _without_bins(report.get("calibration", {})),
        "classes": list(report.get("classes", ())),
        "slices": list(report.get("slices", ())),
        "worst_slice": cast("dict[str, Any] | None", report.get("worst_slice")),
    }


def _without_bins(calibration: Json) -> dict[str, Any]:
    return {name: value for name, value in calibration.items() if name != "bins"}


def _limitations(version: VersionRecord, weights: BaseWeights | None) -> list[str]:
    return [
        *_of_weights(weights),
        f"It answers with one of its {len(version.labels)} labels whatever it is shown.",
        f"Its figures are of {version.metrics.get('n_test', 'its')} held-out examples, and hold "
        "for others drawn like them.",
    ]


def _of_weights(weights: BaseWeights | None) -> Sequence[str]:
    if weights is None:
        return ["What its backbone was trained on is not known here any more."]
    if weights["is_random"]:
        return ["Its backbone began with random weights: it has seen nothing but the dataset."]
    return [
        f"Its backbone was trained on {weights['source_data']} (domain: {weights['domain']}).",
        f"Biases known of those weights, which carry over: {weights['known_biases']}",
    ]
