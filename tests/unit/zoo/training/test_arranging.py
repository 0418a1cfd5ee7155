import numpy as np
import pytest

from zoo.errors import InvalidError
from zoo.training.arranging import Arranged, arrange, leave_out

LABELS = ("cat", "dog")


def arranged(given: dict[str, str]) -> Arranged:
    """Examples by name, which begins with the label's letter, on the sides given."""
    return arrange(
        [next(one for one in LABELS if one[0] == name[0]) for name in given],
        keys=list(given),
        given_splits=list(given.values()),
        seed=0,
    )


SIDES = {
    "c1": "train",
    "c2": "train",
    "c3": "validation",
    "c4": "test",
    "d1": "train",
    "d2": "validation",
    "d3": "test",
}


def places(found: Arranged, *names: str) -> np.ndarray:
    return np.array([found.keys.index(name) for name in names], np.int64)


def test_what_is_left_out_is_on_no_side_and_the_rest_stays() -> None:
    whole = arranged(SIDES)
    left = leave_out(whole, places(whole, "c1", "d2"))
    sides = {
        name: [left.keys[place] for place in getattr(left.splits, name)]
        for name in ("train", "validation", "test")
    }
    assert sides == {"train": ["c2", "d1"], "validation": ["c3"], "test": ["c4", "d3"]}
    assert left.keys == whole.keys
    assert left.targets is whole.targets


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        (("d1",), "class 'dog' is left with nothing to train on"),
        (("d2", "d3"), "class 'dog' is left with 1 distinct examples, and needs at least 2"),
        (("c4", "d3"), "no example is left to test on"),
    ],
)
def test_too_little_left_is_said_to_be(lost: tuple[str, ...], sentence: str) -> None:
    whole = arranged(SIDES)
    with pytest.raises(InvalidError, match=f"^{sentence}$") as caught:
        leave_out(whole, places(whole, *lost))
    assert caught.value.code == "too_few_images"
