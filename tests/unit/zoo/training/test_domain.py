import numpy as np
import pytest

from zoo.training.domain import unfamiliarity
from zoo.training.heads import Head

DIM = 100
NATIVE = Head(
    matrix=np.eye(DIM, dtype=np.float32),
    bias=np.zeros(DIM, np.float32),
    labels=tuple(f"l{n}" for n in range(DIM)),
)


def test_what_the_native_head_is_sure_of_is_familiar() -> None:
    assert unfamiliarity(NATIVE, 50 * np.eye(DIM, dtype=np.float32)) == pytest.approx(0, abs=1e-6)


def test_what_it_cannot_tell_at_all_is_not() -> None:
    assert unfamiliarity(NATIVE, np.ones((5000, DIM), np.float32)) == pytest.approx(1)


def test_a_head_of_few_labels_or_another_space_says_nothing() -> None:
    few = Head(matrix=NATIVE.matrix[:9], bias=NATIVE.bias[:9], labels=NATIVE.labels[:9])
    assert unfamiliarity(few, np.ones((3, DIM), np.float32)) is None
    assert unfamiliarity(NATIVE, np.ones((3, 7), np.float32)) is None
