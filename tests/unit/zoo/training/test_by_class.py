import numpy as np
import pytest

from zoo.training.by_class import (
    as_matrix,
    balanced_accuracy,
    count_confusions,
    judge_classes,
    macro_f1,
)
from zoo.training.intervals import wilson_interval

LABELS = ("cat", "dog", "eel")
# Of 6 cats 4 are known, 2 taken for dogs; of 4 dogs 3 are known, 1 taken for a cat; no eel.
TARGETS = np.array([0] * 6 + [1] * 4)
PREDICTED = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 0])


def test_rows_are_the_true_labels_and_columns_the_predicted() -> None:
    matrix = as_matrix(count_confusions(TARGETS, PREDICTED, labels=LABELS), labels=LABELS)
    assert matrix.to_json() == {
        "labels": ["cat", "dog", "eel"],
        "counts": [[4, 2, 0], [1, 3, 0], [0, 0, 0]],
    }


def test_each_class_has_its_shares_with_their_intervals() -> None:
    cat, dog, _ = judge_classes(count_confusions(TARGETS, PREDICTED, labels=LABELS), labels=LABELS)
    assert (cat.support, cat.predicted) == (6, 5)
    assert (cat.precision, cat.recall, cat.f1) == (4 / 5, 4 / 6, 8 / 11)
    assert cat.precision_interval == wilson_interval(4, 5)
    assert cat.recall_interval == wilson_interval(4, 6)
    assert cat.f1_interval[0] < 8 / 11 < cat.f1_interval[1]
    assert (dog.precision, dog.recall, dog.f1) == (3 / 5, 3 / 4, 6 / 9)


def test_a_class_that_no_test_image_has_is_no_zero() -> None:
    classes = judge_classes(count_confusions(TARGETS, PREDICTED, labels=LABELS), labels=LABELS)
    eel = classes[2]
    assert (eel.support, eel.precision, eel.recall, eel.f1) == (0, None, None, None)
    assert eel.recall_interval == (0.0, 1.0)
    assert balanced_accuracy(classes) == pytest.approx((4 / 6 + 3 / 4) / 2)
    assert macro_f1(classes) == pytest.approx((8 / 11 + 6 / 9) / 2)
