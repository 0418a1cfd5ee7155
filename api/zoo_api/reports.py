"""What the evaluation of a version found."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from annotated_types import Len
from flask import Blueprint
from typing_extensions import TypedDict

from zoo.registry.reports import require_report
from zoo_api.codes import MODEL, merge
from zoo_api.contract import contract
from zoo_api.services import services

reports = Blueprint("reports", __name__)

Interval = Annotated[list[float], Len(2, 2)]
"""A 95 % interval: its lower and its upper end."""


class Baseline(TypedDict):
    """What always answering the most common label would get right."""

    label: str
    accuracy: float


class ClassFigures(TypedDict):
    """One label among the test images; a share of no images is null."""

    label: str
    support: int
    predicted: int
    precision: float | None
    precision_interval: Interval
    recall: float | None
    recall_interval: Interval
    f1: float | None
    f1_interval: Interval


class Confusions(TypedDict):
    """Test images by their label (rows) and the label they were given (columns)."""

    labels: list[str]
    counts: list[list[int]]


class ReliabilityBin(TypedDict):
    """The test images whose confidence lies above `lower` and up to `upper`."""

    lower: float
    upper: float
    n: int
    confidence: float
    accuracy: float


class Calibration(TypedDict):
    """The temperature that is folded into the classifier, and how far confidence keeps its word.

    `ece_by_chance` is what as many images would show by luck if it did.
    """

    temperature: float
    method: Literal["cross_validation", "validation", "none"]
    n: int
    reason: str
    ece: float
    ece_before: float
    ece_by_chance: float
    bins: list[ReliabilityBin]


class Slice(TypedDict):
    """The test images of which a field of the metadata has one value."""

    field: str
    value: str | bool | int
    n: int
    n_right: int
    accuracy: float
    accuracy_interval: Interval


class WorstSlice(TypedDict):
    """The slice that comes off worse than all other test images, beyond what chance explains."""

    field: str
    value: str | bool | int
    n: int
    accuracy: float
    rest_accuracy: float
    difference_interval: Interval


class Mistake(TypedDict):
    """A test image that was given another label than it has."""

    item_id: str
    name: str
    label: str
    label_probability: float
    predicted: str
    probability: float


class Suspect(TypedDict):
    """An example whose label is contradicted with confidence: it may be wrong."""

    item_id: str
    name: str
    label: str
    suggested: str
    probability: float


class ClassCounts(TypedDict):
    """How many examples of a label stood on each side."""

    label: str
    train: int
    validation: int
    test: int


class Report(TypedDict):
    """Everything that the evaluation of a version found, on images that were held out."""

    metrics: dict[str, Any]
    baseline: Baseline
    classes: list[ClassFigures]
    confusion_matrix: Confusions
    calibration: Calibration
    slices: list[Slice]
    worst_slice: WorstSlice | None
    mistakes: list[Mistake]
    examples: list[ClassCounts]
    suspects: list[Suspect]
    unfamiliarity: float | None
    training: dict[str, Any]
    warnings: list[str]


@reports.get("/v1/models/<name>/versions/<version:number>/report")
@contract(codes=merge(MODEL, {404: ("no_report", "unknown_version")}))
def show_report(name: str, number: int) -> Report:
    """What the evaluation of a version found: per label and slice, calibration, mistakes."""
    with services().catalog.read() as session:
        return cast("Report", dict(require_report(session, name, number)[1]))
