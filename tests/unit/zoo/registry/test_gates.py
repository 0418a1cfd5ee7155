from dataclasses import replace

import pytest

from tests.serving import register_pets
from zoo.catalog import Catalog
from zoo.catalog.records import VersionRecord
from zoo.errors import ConflictError
from zoo.registry.gates import Gate, check_gate

METRICS = {"accuracy": 0.8, "accuracy_interval": [0.71, 0.87], "ece": 0.04, "n_test": 100}


@pytest.fixture
def version(catalog: Catalog) -> VersionRecord:
    lineage = {"test_digest": "d"}
    return register_pets(catalog, job_id="a", metrics=METRICS, lineage=lineage)


def rival_of(version: VersionRecord, accuracy: float, low: float = 0.75) -> VersionRecord:
    metrics = {**METRICS, "accuracy": accuracy, "accuracy_interval": [low, 0.95]}
    return replace(version, version=2, metrics=metrics)


def refusal(version: VersionRecord, gate: Gate) -> tuple[str, str]:
    with pytest.raises(ConflictError) as caught:
        check_gate(version, gate)
    return caught.value.code, caught.value.detail


@pytest.mark.parametrize(
    "gate",
    [
        Gate(),
        Gate(min_accuracy=0.8, max_ece=0.04),
    ],
)
def test_a_version_that_reaches_what_is_asked_passes(version: VersionRecord, gate: Gate) -> None:
    check_gate(version, gate)
    check_gate(version, replace(gate, rival=rival_of(version, 0.8)))
    check_gate(version, replace(gate, rival=rival_of(version, 0.83), margin=0.03))
    check_gate(version, replace(gate, rival=version))


def test_who_misses_by_no_more_than_is_allowed_passes_however_floats_round(
    version: VersionRecord,
) -> None:
    found = replace(version, metrics={**METRICS, "accuracy": 0.83, "ece": 0.1 + 0.2})
    check_gate(found, Gate(rival=rival_of(version, 0.93), margin=0.10))
    check_gate(found, Gate(min_accuracy=0.93 - 0.10, max_ece=0.3))


def test_too_low_an_accuracy_is_named_with_its_interval(version: VersionRecord) -> None:
    assert refusal(version, Gate(min_accuracy=0.81)) == (
        "gate_failed",
        "the alias stays where it is: pets:1 has an accuracy of 0.8000 (95 % interval 0.7100 to "
        "0.8700, 100 images); at least 0.8100 is asked for",
    )


def test_too_high_a_calibration_error_is_named(version: VersionRecord) -> None:
    assert refusal(version, Gate(max_ece=0.03)) == (
        "gate_failed",
        "the alias stays where it is: pets:1 has a calibration error of 0.0400; at most 0.0300 is "
        "asked for",
    )


def test_both_figures_are_named_and_whether_chance_may_explain_them(
    version: VersionRecord,
) -> None:
    both = (
        "the alias stays where it is: pets:1 has an accuracy of 0.8000 (95 % interval 0.7100 to "
        "0.8700, 100 images), pets:2 has an accuracy of 0.9000 (95 % interval {} to 0.9500, "
        "100 images)"
    )
    close, far = (rival_of(version, 0.9, low=low) for low in (0.86, 0.88))
    assert refusal(version, Gate(rival=close)) == (
        "gate_failed",
        both.format("0.8600") + "; their intervals overlap",
    )
    assert refusal(version, Gate(rival=far, margin=0.05)) == (
        "gate_failed",
        both.format("0.8800") + ", 0.0500 less is allowed",
    )


@pytest.mark.parametrize("lineage", [{}, {"test_digest": "other"}])
def test_what_was_judged_on_other_images_is_not_compared(
    version: VersionRecord, lineage: dict[str, object]
) -> None:
    rival = replace(rival_of(version, 0.1), lineage=lineage)
    assert refusal(version, Gate(rival=rival)) == (
        "not_comparable",
        "pets:1 and pets:2 were not judged on the same images, so that their accuracies cannot be "
        "compared; train both on a dataset whose test split is given and stays, or leave "
        "'not_below' out",
    )


def test_a_version_without_the_figure_is_not_judged(version: VersionRecord) -> None:
    assert refusal(replace(version, metrics={}), Gate(min_accuracy=0.1)) == (
        "not_comparable",
        "pets:1 has no 'accuracy' among its metrics; move it without a gate",
    )
