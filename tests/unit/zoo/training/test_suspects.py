import numpy as np
import pytest

from zoo.training.samples import Sample
from zoo.training.suspects import Suspect, add_suspects, contradicted, find_suspects

LABELS = ("cat", "dog")


def drawn(n: int, *, flipped: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Calibrated probabilities, labels some of which are flipped, and which are."""
    rng = np.random.default_rng(seed)
    clean = 1 / (1 + np.exp(-4 * rng.standard_normal(n)))
    truth = (rng.random(n) < clean).astype(np.int64)
    is_flipped = rng.random(n) < flipped
    # With wrong labels among those that it learns from, a calibrated classifier is less sure.
    of_dog = clean * (1 - flipped) + (1 - clean) * flipped
    return (
        np.column_stack([1 - of_dog, of_dog]),
        np.where(is_flipped, 1 - truth, truth),
        is_flipped,
    )


@pytest.mark.parametrize("n", [40, 400, 4000])
def test_hard_but_clean_labels_are_no_suspects(n: int) -> None:
    found = [contradicted(*drawn(n, flipped=0, seed=seed)[:2]).mean() for seed in range(20)]
    assert np.mean(found) < 0.005


@pytest.mark.parametrize("flipped", [0.05, 0.1])
def test_most_suspects_are_wrong_labels_and_many_of_those_are_found(flipped: float) -> None:
    probabilities, targets, is_flipped = drawn(4000, flipped=flipped)
    found = contradicted(probabilities, targets)
    assert is_flipped[found].mean() > 0.7
    assert found[is_flipped].mean() > 0.3


def test_a_suspect_is_named_with_the_label_that_it_may_deserve() -> None:
    probabilities = np.array([[0.99, 0.01]] * 98 + [[0.992, 0.008], [0.995, 0.005]])
    targets = np.array([0] * 98 + [1, 1])
    samples = [Sample(item_id=f"i{n}", name=f"{n}.jpg") for n in range(100)]
    first, second = find_suspects(probabilities, targets, labels=LABELS, samples=samples)
    assert first == Suspect(
        item_id="i99", name="99.jpg", label="dog", suggested="cat", probability=0.995
    )
    assert second.item_id == "i98"


def test_of_very_few_examples_nothing_is_suspected() -> None:
    probabilities, targets, _ = drawn(99, flipped=0.2)
    assert not contradicted(probabilities, targets).any()


def test_suspects_of_two_judges_are_told_together_the_surest_first() -> None:
    def suspect(item_id: str, probability: float) -> Suspect:
        return Suspect(
            item_id=item_id, name="x", label="cat", suggested="dog", probability=probability
        )

    found = add_suspects([suspect("b", 0.8)], [suspect("a", 0.9), suspect("c", 0.95)], among={"a"})
    assert [one.item_id for one in found] == ["a", "b"]
