import sys
from subprocess import run

import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.errors import InvalidError
from zoo.training.head_only import HeadOnlyResult, fit_and_evaluate
from zoo.training.samples import Sample

N = 240
LABELS = [("cat", "dog", "eel")[number % 3] for number in range(N)]
KEYS = [f"{number * 7919 % 1000:03d}" for number in range(N)]


def features_of(spread: float = 1.0) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    centres = {label: rng.standard_normal(16) for label in ("cat", "dog", "eel")}
    rows = [centres[label] + spread * rng.standard_normal(16) for label in LABELS]
    return np.array(rows, np.float32)


def fitted(
    order: list[int], *, seed: int = 0, l2: float | None = None, spread: float = 1.0
) -> HeadOnlyResult:
    return fit_and_evaluate(
        features_of(spread)[order],
        [LABELS[place] for place in order],
        keys=[KEYS[place] for place in order],
        given_splits=[None] * len(order),
        seed=seed,
        l2=l2,
    )


def test_a_head_is_fitted_and_judged_on_images_it_has_not_seen() -> None:
    result = fitted(list(range(N)))

    assert result.head.labels == ("cat", "dog", "eel")
    assert (result.sizes.train, result.sizes.validation, result.sizes.test) == (153, 39, 48)
    assert result.evaluation.n_test == 48
    assert result.evaluation.accuracy > 0.85
    assert result.train_accuracy >= result.evaluation.accuracy
    assert result.evaluation.confusion_matrix.labels == ("cat", "dog", "eel")


def test_the_head_is_calibrated_by_images_it_was_not_fitted_to() -> None:
    result = fitted(list(range(N)), l2=1e-4, spread=2.5)
    assert (result.calibration.method, result.calibration.n) == ("cross_validation", 192)
    assert result.calibration.temperature > 1.5
    assert result.evaluation.ece < result.evaluation.ece_before
    bare = result.head.tempered(1 / result.calibration.temperature)
    logits = bare.logits(features_of()[:9]) / result.calibration.temperature
    assert result.head.logits(features_of()[:9]) == pytest.approx(logits, rel=1e-5)


def test_mistakes_are_named_wherever_the_items_stood() -> None:
    order = np.random.default_rng(3).permutation(N).tolist()
    samples = [Sample(item_id=f"i{place}", name=f"{place}.jpg") for place in order]
    result = fit_and_evaluate(
        features_of(spread=3)[order],
        [LABELS[place] for place in order],
        keys=[KEYS[place] for place in order],
        given_splits=[None] * N,
        seed=0,
        samples=samples,
    )
    assert result.evaluation.mistakes
    for mistake in result.evaluation.mistakes:
        assert mistake.label == LABELS[int(mistake.item_id[1:])]


def test_the_examples_of_each_label_are_counted_by_side() -> None:
    cat, *_ = fitted(list(range(N))).classes
    assert (cat.label, cat.train, cat.validation, cat.test) == ("cat", 51, 13, 16)
    assert cat.seen == 64


def test_labels_without_meaning_are_not_learnt() -> None:
    shuffled = np.random.default_rng(1).permutation(LABELS).tolist()
    result = fit_and_evaluate(features_of(), shuffled, keys=KEYS, given_splits=[None] * N, seed=0)
    low, high = result.evaluation.accuracy_interval
    assert low < 1 / 3 < high


def test_the_order_of_the_items_changes_no_bit() -> None:
    straight = fitted(list(range(N)))
    shuffled = fitted(np.random.default_rng(2).permutation(N).tolist())
    assert straight.head.matrix.tobytes() == shuffled.head.matrix.tobytes()
    assert straight.evaluation == shuffled.evaluation
    assert straight.l2 == shuffled.l2


def test_a_given_l2_is_used_as_it_is() -> None:
    assert fitted(list(range(N)), l2=7.0).l2 == 7.0


@pytest.mark.parametrize("l2", [0.0, -1.0, float("nan"), float("inf")])
def test_an_l2_that_is_not_positive_is_refused(l2: float) -> None:
    with pytest.raises(InvalidError) as caught:
        fitted(list(range(N)), l2=l2)
    assert caught.value.detail == f"l2 must be a positive number, not {l2}"
    assert caught.value.field == "l2"


def test_the_given_test_side_alone_judges() -> None:
    given = ["test" if number >= 180 else "train" for number in range(N)]
    result = fit_and_evaluate(features_of(), LABELS, keys=KEYS, given_splits=given, seed=0)
    assert result.evaluation.n_test == 60
    assert (result.sizes.train, result.sizes.validation) == (144, 36)


def test_two_images_a_class_are_enough_to_answer() -> None:
    result = fitted([0, 1, 3, 4])
    assert result.head.labels == ("cat", "dog")
    assert result.sizes.validation == 0
    assert result.evaluation.n_test == 2
    assert result.calibration.reason == (
        "a temperature needs 20 examples to be fitted to, there are 0"
    )


def test_training_never_imports_torch() -> None:
    program = "import sys, zoo.training.head_only; sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", program], check=False).returncode == 0
