import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.errors import InvalidError
from zoo.training.evaluation import Evaluation, evaluate
from zoo.training.samples import Sample

PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
SAMPLES = [Sample(item_id=f"i{n}", name=f"{n}.jpg", metadata={"at": n % 2}) for n in range(4)]


def judged(**more: object) -> Evaluation:
    given: dict[str, object] = {"labels": ("cat", "dog"), **more}
    return evaluate(np.log(PROBABILITIES), np.array([0, 0, 1, 1]), **given)  # type: ignore[arg-type]


def test_an_evaluation_counts_what_was_taken_for_what() -> None:
    evaluation = judged()
    assert (evaluation.accuracy, evaluation.n_right, evaluation.n_test) == (0.5, 2, 4)
    assert evaluation.confusion_matrix.counts == ((1, 1), (1, 1))
    assert (evaluation.balanced_accuracy, evaluation.macro_f1) == (0.5, 0.5)
    # One image in each of four bins: the mean of 0.1, 0.8, 0.6 and 0.3.
    assert evaluation.ece == pytest.approx((0.1 + 0.8 + 0.6 + 0.3) / 4)
    assert evaluation.log_loss == pytest.approx(-np.log([0.9, 0.2, 0.4, 0.7]).mean())


def test_what_the_temperature_changed_is_told() -> None:
    logits = np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
    evaluation = evaluate(logits / 4, np.array([0, 0, 0, 1]), labels=("a", "b"), temperature=4.0)
    assert evaluation.ece == pytest.approx(abs(0.75 - 1 / (1 + np.exp(-0.5))))
    assert evaluation.ece_before == pytest.approx(abs(0.75 - 1 / (1 + np.exp(-2))))


def test_what_always_answering_one_label_gets_right_is_the_baseline() -> None:
    targets = np.array([0, 1, 1, 1])
    mostly = evaluate(np.log(PROBABILITIES), targets, labels=("cat", "dog"))
    assert (mostly.baseline.label, mostly.baseline.accuracy) == ("dog", 0.75)
    trained = evaluate(np.log(PROBABILITIES), targets, labels=("cat", "dog"), most_common=0)
    assert (trained.baseline.label, trained.baseline.accuracy) == ("cat", 0.25)


def test_top_k_is_told_for_each_k_below_the_number_of_labels() -> None:
    logits = np.tile([4.0, 3.0, 2.0, 1.0], (4, 1))
    evaluation = evaluate(logits, np.array([0, 1, 2, 3]), labels=("a", "b", "c", "d"))
    assert evaluation.top_k == {3: 0.75}
    assert evaluation.metrics_json()["top_3_accuracy"] == 0.75
    assert judged().top_k == {}


def test_a_classifier_that_cannot_decide_has_nothing_among_its_top_k() -> None:
    evaluation = evaluate(np.zeros((1, 6)), np.array([0]), labels=tuple("abcdef"))
    assert evaluation.top_k == {3: 0.0, 5: 0.0}


def test_mistakes_and_slices_are_named_by_their_samples() -> None:
    evaluation = judged(samples=SAMPLES)
    assert [one.item_id for one in evaluation.mistakes] == ["i1", "i2"]
    assert [(one.field, one.value, one.n) for one in evaluation.slices] == [
        ("at", 0, 2),
        ("at", 1, 2),
    ]
    assert (judged().mistakes, judged().slices) == ((), ())


def test_the_json_is_made_of_plain_values() -> None:
    evaluation = evaluate(np.log([[0.99, 0.01], [0.01, 0.99]]), np.array([0, 1]), labels="ab")
    assert json.loads(json.dumps(evaluation.metrics_json())) == {
        "accuracy": 1.0,
        "accuracy_interval": [pytest.approx(0.342380), 1.0],
        "ece": pytest.approx(0.01),
        "n_test": 2,
        "balanced_accuracy": 1.0,
        "macro_f1": 1.0,
        "log_loss": pytest.approx(-np.log(0.99)),
        "baseline_accuracy": 0.5,
    }
    whole = judged(samples=SAMPLES)
    assert json.loads(json.dumps(whole.to_json(), allow_nan=False))["worst_slice"] is None
    json.dumps(whole.calibration_json(), allow_nan=False)


@given(st.integers(0, 1000), st.floats(0.1, 50))
def test_the_figures_agree_with_each_other(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    logits, targets = size * rng.standard_normal((30, 4)), rng.integers(0, 4, 30)
    evaluation = evaluate(logits, targets, labels=tuple("abcd"))
    low, high = evaluation.accuracy_interval
    assert 0 <= low <= evaluation.accuracy <= high <= 1
    counts = evaluation.confusion_matrix.counts
    assert sum(map(sum, counts)) == evaluation.n_test == sum(b.n for b in evaluation.reliability)
    assert sum(counts[n][n] for n in range(4)) == evaluation.n_right
    assert evaluation.accuracy <= evaluation.top_k[3]


def test_nothing_to_test_on_is_refused() -> None:
    with pytest.raises(InvalidError, match="there is no test image to evaluate on") as caught:
        evaluate(np.empty((0, 2)), np.empty(0, np.int64), labels=("a", "b"))
    assert caught.value.code == "too_few_images"
