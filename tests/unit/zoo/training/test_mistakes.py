import numpy as np

from zoo.training.mistakes import MOST, Mistake, find_mistakes
from zoo.training.samples import Sample

LABELS = ("cat", "dog")


def named(n: int) -> list[Sample]:
    return [Sample(item_id=f"i{number}", name=f"{number}.jpg") for number in range(n)]


def test_the_surest_mistake_comes_first_with_both_labels() -> None:
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.25, 0.75], [0.8, 0.2]])
    found = find_mistakes(probabilities, np.array([0, 0, 0, 1]), labels=LABELS, samples=named(4))
    assert [one.item_id for one in found] == ["i3", "i2", "i1"]
    assert found[0] == Mistake(
        item_id="i3",
        name="3.jpg",
        label="dog",
        label_probability=0.2,
        predicted="cat",
        probability=0.8,
    )


def test_only_so_many_are_listed_and_ties_go_by_id() -> None:
    n = MOST + 5
    found = find_mistakes(
        np.tile([0.3, 0.7], (n, 1)), np.zeros(n, np.int64), labels=LABELS, samples=named(n)
    )
    assert [one.item_id for one in found] == sorted(f"i{number}" for number in range(n))[:MOST]


def test_who_makes_no_mistake_has_none_listed() -> None:
    right = np.array([[0.9, 0.1]])
    assert find_mistakes(right, np.array([0]), labels=LABELS, samples=named(1)) == ()
