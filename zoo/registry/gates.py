"""What a version has to reach before an alias names it: figures on images that were held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoo.catalog.records import VersionRecord
from zoo.errors import ConflictError

_JUDGED_ON = "test_digest"
"""Of contents and labels of the images that a version was judged on, in its lineage."""
_ROUNDING = 1e-9
"""What a figure may miss: 0.93 - 0.1 is more than 0.83 to a computer."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Conditions of a move; those that are None do not count."""

    min_accuracy: float | None = None
    max_ece: float | None = None
    rival: VersionRecord | None = None  # whose accuracy is to be reached
    margin: float = 0.0  # by which it may be missed


def check_gate(version: VersionRecord, gate: Gate) -> None:
    """Raise `ConflictError` for a version that does not pass.

    Code `gate_failed` names both figures; `not_comparable` if the rival was judged on others,
    as its accuracy then says nothing of this one.
    """
    if gate.min_accuracy is not None and _accuracy(version) < gate.min_accuracy - _ROUNDING:
        raise _failed(f"{_told(version)}; at least {gate.min_accuracy:.4f} is asked for")
    if gate.max_ece is not None and _figure(version, "ece") > gate.max_ece + _ROUNDING:
        found = _figure(version, "ece")
        raise _failed(
            f"{version.name} has a calibration error of {found:.4f}; at most "
            f"{gate.max_ece:.4f} is asked for"
        )
    if gate.rival is not None and gate.rival.version != version.version:
        _check_rival(version, gate.rival, margin=gate.margin)


def _check_rival(version: VersionRecord, rival: VersionRecord, *, margin: float) -> None:
    judged = version.lineage.get(_JUDGED_ON)
    if judged is None or judged != rival.lineage.get(_JUDGED_ON):
        raise ConflictError(
            f"{version.name} and {rival.name} were not judged on the same images, so that their "
            "accuracies cannot be compared; train both on a dataset whose test split is given and "
            "stays, or leave 'not_below' out",
            code="not_comparable",
        )
    if _accuracy(version) >= _accuracy(rival) - margin - _ROUNDING:
        return
    allowed = f", {margin:.4f} less is allowed" if margin else ""
    chance = "; their intervals overlap" if _overlap(version, rival) else ""
    raise _failed(f"{_told(version)}, {_told(rival)}{allowed}{chance}")


def _failed(why: str) -> ConflictError:
    return ConflictError(f"the alias stays where it is: {why}", code="gate_failed")


def _told(version: VersionRecord) -> str:
    low, high = _interval(version)
    return (
        f"{version.name} has an accuracy of {_accuracy(version):.4f} (95 % interval {low:.4f} to "
        f"{high:.4f}, {_figure(version, 'n_test'):.0f} images)"
    )


def _accuracy(version: VersionRecord) -> float:
    return _figure(version, "accuracy")


def _figure(version: VersionRecord, name: str) -> float:
    if name not in version.metrics:
        raise ConflictError(
            f"{version.name} has no {name!r} among its metrics; move it without a gate",
            code="not_comparable",
        )
    return float(version.metrics[name])


def _interval(version: VersionRecord) -> Sequence[float]:
    found: Sequence[float] = version.metrics.get("accuracy_interval", (0.0, 1.0))
    return found


def _overlap(one: VersionRecord, other: VersionRecord) -> bool:
    return _interval(one)[1] >= _interval(other)[0]
