"""What a model version's report holds: everything that its evaluation found, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from zoo.training.calibration import Calibration
from zoo.training.evaluation import Evaluation
from zoo.training.head_only import ClassCounts, HeadOnlyResult


def report_json(
    evaluation: Evaluation,
    *,
    calibration: Calibration,
    examples: Sequence[ClassCounts],
    training: Mapping[str, object],
    warnings: Sequence[str],
) -> dict[str, object]:
    """The report of a version: its figures, what they stand on, and `training`'s own story."""
    return {
        **evaluation.to_json(),
        "calibration": {**calibration.to_json(), **evaluation.calibration_json()},
        "examples": [asdict(one) for one in examples],
        "training": dict(training),
        "warnings": list(warnings),
    }


def head_report_json(fitted: HeadOnlyResult, *, warnings: Sequence[str]) -> dict[str, object]:
    """The report of a head on frozen features."""
    return report_json(
        fitted.evaluation,
        calibration=fitted.calibration,
        examples=fitted.classes,
        training={
            "strategy": "head_only",
            "l2": fitted.l2,
            "train_accuracy": fitted.train_accuracy,
            "splits": asdict(fitted.sizes),
        },
        warnings=warnings,
    )
