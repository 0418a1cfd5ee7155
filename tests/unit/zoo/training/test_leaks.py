from dataclasses import replace

from zoo.training.duplicates import NearDuplicates
from zoo.training.leaks import leak_warnings

NAMES = ("a.png", "b.png", "c.png", "d.png")


def near(*keys: str, disagreeing: tuple[int, ...] = ()) -> NearDuplicates:
    return NearDuplicates(keys=keys, groups=1, contents=2, disagreeing=disagreeing)


def warnings(found: NearDuplicates, *given: str | None) -> list[str]:
    return leak_warnings(found, names=NAMES, labels=["cat", "cat", "dog", "dog"], given=given)


def test_splits_that_share_nothing_are_worth_no_word() -> None:
    assert warnings(near("1", "2", "3", "4"), "train", "test", "train", None) == []
    assert warnings(near("1", "1", "3", "3"), "val", "validation", None, None) == []


def test_examples_that_count_for_a_stricter_side_are_named() -> None:
    assert warnings(near("1", "1", "3", "3"), "train", "test", "train", "val") == [
        "2 examples have the same bytes as one of a stricter split, or are near-duplicates of one "
        "(a.png, c.png), and were counted there, so that nothing leaks; give copies the same "
        "split, or set near_duplicates to 1 if they are none"
    ]


def test_pairs_that_were_left_out_are_told() -> None:
    found = replace(near("1", "2", "3", "4"), unlooked=12)
    assert warnings(found, *[None] * 4) == [
        "12 pairs of examples that may be near-duplicates were not compared: there were too many, "
        "and the likeliest were; give copies that you know of the same split"
    ]


def test_copies_with_different_labels_are_named_with_them() -> None:
    assert warnings(near("1", "2", "2", "4", disagreeing=(1, 2)), *[None] * 4) == [
        "2 examples look almost like one with another label (b.png (cat), c.png (dog)); look at "
        "them and correct the labels that are wrong"
    ]
