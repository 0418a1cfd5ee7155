import json

import numpy as np
import pytest

from zoo.errors import InvalidError
from zoo.training.evaluation import evaluate, expected_calibration_error, wilson_interval


def test_an_evaluation_counts_what_was_taken_for_what() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    evaluation = evaluate(probabilities, np.array([0, 0, 1, 1]), labels=("cat", "dog"))

    assert evaluation.accuracy == 0.5
    assert evaluation.n_test == 4
    assert evaluation.confusion_matrix.counts == ((1, 1), (1, 1))
    # One image in each of four bins: the mean of 0.1, 0.8, 0.6 and 0.3.
    assert evaluation.ece == pytest.approx((0.1 + 0.8 + 0.6 + 0.3) / 4)


def test_rows_are_the_true_labels_and_columns_the_predicted() -> None:
    probabilities = np.array([[0.1, 0.9, 0.0], [0.1, 0.9, 0.0]])
    evaluation = evaluate(probabilities, np.array([2, 2]), labels=("a", "b", "c"))
    assert evaluation.confusion_matrix.counts == ((0, 0, 0), (0, 0, 0), (0, 2, 0))


def test_the_json_is_made_of_plain_values() -> None:
    evaluation = evaluate(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1]), labels=("a", "b"))
    assert json.loads(json.dumps(evaluation.metrics_json())) == {
        "accuracy": 1.0,
        "accuracy_interval": [pytest.approx(0.342380), 1.0],
        "ece": 0.0,
        "n_test": 2,
    }
    assert json.loads(json.dumps(evaluation.confusion_matrix.to_json())) == {
        "labels": ["a", "b"],
        "counts": [[1, 0], [0, 1]],
    }


@pytest.mark.parametrize(
    ("n_right", "n", "expected"),
    [
        # R: prop.test(k, n, correct = FALSE)$conf.int
        (81, 263, (0.2553, 0.3662)),  # Newcombe 1998, table I
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        (20, 20, (0.8389, 1.0)),
    ],
)
def test_the_interval_is_wilsons(n_right: int, n: int, expected: tuple[float, float]) -> None:
    assert wilson_interval(n_right, n) == pytest.approx(expected, abs=5e-5)


def test_confidence_that_keeps_its_word_has_no_calibration_error() -> None:
    confidences = np.full(100, 0.75)
    assert expected_calibration_error(confidences, np.arange(100) < 75) == pytest.approx(0)


def test_the_calibration_error_weighs_bins_by_their_images() -> None:
    confidences = np.array([0.99] * 30 + [0.55] * 10)
    right = np.array([True] * 15 + [False] * 15 + [True] * 5 + [False] * 5)
    expected = 0.75 * (0.99 - 0.5) + 0.25 * (0.55 - 0.5)
    assert expected_calibration_error(confidences, right) == pytest.approx(expected)


def test_full_and_no_confidence_have_bins_too() -> None:
    found = expected_calibration_error(np.array([1.0, 0.0]), np.array([True, False]))
    assert found == 0


def test_nothing_to_test_on_is_refused() -> None:
    with pytest.raises(InvalidError, match="there is no test image to evaluate on") as caught:
        evaluate(np.empty((0, 2)), np.empty(0, np.int64), labels=("a", "b"))
    assert caught.value.code == "too_few_images"
