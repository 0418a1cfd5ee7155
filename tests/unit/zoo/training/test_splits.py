import numpy as np
import pytest

from zoo.errors import InvalidError
from zoo.training.splits import Splits, make_splits


def sides_by_key(splits: Splits, keys: list[str]) -> dict[str, set[str]]:
    sides: dict[str, set[str]] = {}
    for side in ("train", "validation", "test"):
        for place in getattr(splits, side):
            sides.setdefault(keys[place], set()).add(side)
    return sides


def counts_of(splits: Splits, labels: list[str], label: str) -> tuple[int, int, int]:
    train, validation, test = (
        sum(labels[place] == label for place in side)
        for side in (splits.train, splits.validation, splits.test)
    )
    return train, validation, test


def test_without_given_splits_each_class_is_shared_out_64_16_20() -> None:
    labels = ["cat"] * 100 + ["dog"] * 50
    splits = make_splits(labels, given=[None] * 150, seed=0)

    assert counts_of(splits, labels, "cat") == (64, 16, 20)
    assert counts_of(splits, labels, "dog") == (32, 8, 10)
    everything = np.concatenate([splits.train, splits.validation, splits.test])
    assert sorted(everything) == list(range(150))


@pytest.mark.parametrize(
    ("n", "expected"), [(2, (1, 0, 1)), (3, (2, 0, 1)), (4, (2, 1, 1)), (5, (3, 1, 1))]
)
def test_a_small_class_is_trained_and_tested_before_it_is_validated(
    n: int, expected: tuple[int, int, int]
) -> None:
    labels = ["cat"] * n + ["dog"] * 50
    splits = make_splits(labels, given=[None] * len(labels), seed=3)
    assert counts_of(splits, labels, "cat") == expected


def test_what_the_network_was_trained_on_judges_only_where_there_is_nothing_else() -> None:
    labels = ["cat", "dog"] * 50
    first = make_splits(labels, given=[None] * 100, seed=0)
    known = [place in first.train for place in range(100)]

    again = make_splits(labels, given=[None] * 100, seed=1, known=known)
    assert {*again.test, *again.validation} == {*first.test, *first.validation}
    more = make_splits(
        [*labels, *labels], given=[None] * 200, seed=1, known=[*known] + [False] * 100
    )
    assert len(more.test) == 40
    assert not {*more.test, *more.validation} & {*first.train}
    judged = {"train": 0.2, "validation": 0.3, "test": 0.5}
    scarce = make_splits(labels, given=[None] * 100, seed=1, known=known, shares=judged)
    assert {*scarce.test, *scarce.validation} == {*first.test, *first.validation}
    assert (len(scarce.test), len(scarce.validation)) == (22, 14)
    all_known = make_splits(labels, given=[None] * 100, seed=0, known=[True] * 100)
    assert [*all_known.test] == [*first.test]


def test_the_lot_depends_on_keys_and_seed_and_not_on_the_order_of_items() -> None:
    keys = [f"k{number}" for number in range(60)]
    labels = ["cat" if number % 3 else "dog" for number in range(60)]
    shuffled = np.random.default_rng(0).permutation(60)
    nothing: list[None] = [None] * 60

    first = make_splits(labels, given=nothing, seed=1, keys=keys)
    again = make_splits(
        [labels[place] for place in shuffled],
        given=nothing,
        seed=1,
        keys=[keys[place] for place in shuffled],
    )
    other = make_splits(labels, given=nothing, seed=2, keys=keys)

    assert sides_by_key(first, keys) == sides_by_key(again, [keys[place] for place in shuffled])
    assert sides_by_key(first, keys) != sides_by_key(other, keys)


def test_identical_contents_stay_on_one_side_even_under_two_labels() -> None:
    keys = [f"k{number % 20}" for number in range(70)]
    labels = ["cat" if number < 35 else "dog" for number in range(70)]
    splits = make_splits(labels, given=[None] * 70, seed=0, keys=keys)
    assert all(len(sides) == 1 for sides in sides_by_key(splits, keys).values())


def test_given_splits_are_kept_and_a_missing_validation_is_cut_from_train() -> None:
    labels = ["cat", "dog"] * 60
    given = ["train"] * 100 + ["test"] * 20
    splits = make_splits(labels, given=given, seed=0)

    assert splits.test.tolist() == list(range(100, 120))
    assert counts_of(splits, labels, "cat") == (40, 10, 10)
    assert splits.moved == 0


def test_a_complete_set_of_given_splits_is_taken_as_it_is() -> None:
    labels = ["cat", "dog"] * 6
    given = ["train"] * 4 + ["val"] * 4 + ["test"] * 4
    splits = make_splits(labels, given=given, seed=0)
    assert splits.train.tolist() == [0, 1, 2, 3]
    assert splits.validation.tolist() == [4, 5, 6, 7]
    assert splits.test.tolist() == [8, 9, 10, 11]


def test_where_all_is_given_for_train_a_test_side_is_cut_from_it() -> None:
    labels = ["cat"] * 50 + ["dog"] * 50
    splits = make_splits(labels, given=["train"] * 100, seed=0)
    assert counts_of(splits, labels, "dog") == (32, 8, 10)
    assert splits.moved == 0


def test_items_without_a_side_fill_what_is_missing_and_train() -> None:
    labels = ["cat", "dog"] * 50
    given = ["test"] * 20 + [None] * 80
    splits = make_splits(labels, given=given, seed=0)
    assert splits.test.tolist() == list(range(20))
    assert counts_of(splits, labels, "cat") == (32, 8, 10)


def test_content_given_for_train_and_test_counts_as_test_and_is_reported() -> None:
    labels = ["cat", "dog"] * 10
    keys = [f"k{number}" for number in range(20)]
    keys[0] = keys[18]
    given = ["train"] * 16 + ["test"] * 4
    splits = make_splits(labels, given=given, seed=0, keys=keys)
    assert splits.test.tolist() == [0, 16, 17, 18, 19]
    assert splits.moved == 1


@pytest.mark.parametrize(
    ("labels", "given", "code", "detail"),
    [
        ([], [], "too_few_classes", "a classifier needs at least 2 classes, the items have none"),
        (
            ["cat"] * 3,
            [None] * 3,
            "too_few_classes",
            "a classifier needs at least 2 classes, the items have only 'cat'",
        ),
        (
            ["cat", "cat", "dog"],
            [None] * 3,
            "too_few_images",
            "class 'dog' has 1 distinct image, it needs at least 2: one to train on and one to "
            "test on",
        ),
        (
            ["cat", "cat", "dog", "dog"],
            ["train", "train", "test", "test"],
            "too_few_images",
            "class 'dog' has no image to train on, all of them are on the validation or test side",
        ),
        (
            ["cat"],
            ["tset"],
            "unknown_split",
            "no split 'tset'; there are train, validation (or val) and test",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(
    labels: list[str], given: list[str | None], code: str, detail: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        make_splits(labels, given=given, seed=0)
    assert (caught.value.code, caught.value.detail) == (code, detail)


def test_copies_of_one_image_are_one_image() -> None:
    labels = ["cat", "cat", "dog", "dog"]
    with pytest.raises(InvalidError, match="class 'cat' has 1 distinct image"):
        make_splits(labels, given=[None] * 4, seed=0, keys=["a", "a", "b", "c"])


def test_shares_are_as_asked_for() -> None:
    labels = ["cat"] * 100 + ["dog"] * 20
    shares = {"train": 0.5, "validation": 0.0, "test": 0.5}
    splits = make_splits(labels, given=[None] * 120, seed=0, shares=shares)
    assert [len(side) for side in (splits.train, splits.validation, splits.test)] == [60, 0, 60]
