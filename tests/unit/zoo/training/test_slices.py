import numpy as np
import pytest

from zoo.training.intervals import difference_interval, wilson_interval
from zoo.training.samples import Sample
from zoo.training.slices import find_worst, judge_slices


def samples(**fields: list[object]) -> list[Sample]:
    rows = zip(*fields.values(), strict=True)
    return [
        Sample(item_id=f"i{n}", name=f"{n}.jpg", metadata=dict(zip(fields, row, strict=True)))
        for n, row in enumerate(rows)
    ]


def test_each_value_of_a_field_is_judged_the_worst_first() -> None:
    right = np.array([True] * 9 + [False] + [True] * 5 + [False] * 5)
    bright, dark = "bright", "dark"
    dim, lit = judge_slices(samples(light=[bright] * 10 + [dark] * 10), right)
    assert (dim.field, dim.value, dim.n, dim.n_right, dim.accuracy) == ("light", dark, 10, 5, 0.5)
    assert dim.accuracy_interval == wilson_interval(5, 10)
    assert (lit.value, lit.accuracy) == (bright, 0.9)


def test_a_field_with_one_value_or_too_many_is_left_out() -> None:
    found = judge_slices(
        samples(camera=["a"] * 30, file=[f"f{n}" for n in range(30)], year=[2025, 2026] * 15),
        np.ones(30, np.bool_),
    )
    assert [(one.field, one.value) for one in found] == [("year", 2025), ("year", 2026)]


def test_true_is_not_1_and_what_is_no_value_is_left_out() -> None:
    values: list[object] = [True, 1, None, 0.5, ["x"], {"y": 1}]
    found = judge_slices(samples(flash=values), np.array([True] * 6))
    assert [(one.value, type(one.value), one.n) for one in found] == [(1, int, 1), (True, bool, 1)]


def test_the_slice_that_lies_below_the_rest_is_named() -> None:
    right = np.array([True] * 90 + [False] * 10 + [True] * 10 + [False] * 20)
    taken = samples(place=["zoo"] * 100 + ["wild"] * 30)
    slices = judge_slices(taken, right)
    worst = find_worst(slices, n=130, n_right=100)
    assert worst is not None
    assert (worst.slice.field, worst.slice.value, worst.rest_accuracy) == ("place", "wild", 0.9)
    # Two slices are compared: 97.5 % for each.
    expected = difference_interval(10, 30, 90, 100, level=0.975)
    assert worst.difference_interval == pytest.approx(expected)
    assert worst.to_json()["difference_interval"] == worst.difference_interval


def test_a_few_bad_images_are_no_slice_to_name() -> None:
    right = np.array([True] * 60 + [False] * 9)
    slices = judge_slices(samples(place=["zoo"] * 60 + ["wild"] * 9), right)
    assert find_worst(slices, n=69, n_right=60) is None


def test_among_many_slices_luck_rarely_names_one() -> None:
    rng = np.random.default_rng(0)
    named = 0
    for _ in range(100):
        right = rng.random(300) < 0.8
        fields: dict[str, list[object]] = {
            f"f{n}": rng.integers(0, 5, 300).tolist() for n in range(4)
        }
        slices = judge_slices(samples(**fields), right)
        named += find_worst(slices, n=300, n_right=int(right.sum())) is not None
    assert named <= 5


def test_without_metadata_there_are_no_slices() -> None:
    assert judge_slices([Sample(item_id="a", name="a.jpg")], np.array([True])) == ()
    assert find_worst((), n=1, n_right=1) is None
