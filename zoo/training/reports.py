"""What a model version's report holds: everything that its evaluation found, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from zoo.training.calibration import Calibration
from zoo.training.evaluation import Evaluation
from zoo.training.head_only import ClassCounts
from zoo.training.suspects import Suspect

MOST_SUSPECTS = 50


def report_json(
    evaluation: Evaluation,
    *,
    calibration: Calibration,
    examples: Sequence[ClassCounts],
    suspects: Sequence[Suspect],
    unfamiliarity: float | None,
    training: Mapping[str, object],
    warnings: Sequence[str],
) -> dict[str, object]:
    """The report of a version: its figures, what they stand on, and `training`'s own story."""
    return {
        **evaluation.to_json(),
        "calibration": {**calibration.to_json(), **evaluation.calibration_json()},
        "examples": [asdict(one) for one in examples],
        "suspects": [one.to_json() for one in suspects[:MOST_SUSPECTS]],
        "unfamiliarity": unfamiliarity,
        "training": dict(training),
        "warnings": list(warnings),
    }
