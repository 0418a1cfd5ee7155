import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.training.intervals import difference_interval, f1_interval, wilson_interval


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


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # Newcombe, Statistics in Medicine 17, 1998, pages 873 to 890, table II, method 10
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 10), (-0.2775, 0.2775)),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(
    counts: tuple[int, int, int, int], expected: tuple[float, float]
) -> None:
    assert difference_interval(*counts) == pytest.approx(expected, abs=5e-5)


def test_of_no_images_nothing_is_known() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_a_higher_level_asks_for_a_wider_interval() -> None:
    low, high = wilson_interval(70, 100)
    wider_low, wider_high = wilson_interval(70, 100, level=0.99)
    assert wider_low < low < high < wider_high


@given(n=st.integers(1, 10_000), share=st.floats(0, 1))
def test_an_interval_holds_the_share_and_stays_within_0_and_1(n: int, share: float) -> None:
    n_right = round(n * share)
    low, high = wilson_interval(n_right, n)
    assert 0 <= low <= n_right / n <= high <= 1


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_the_difference_the_other_way_round_is_the_same(a: int, n: int, b: int, m: int) -> None:
    low, high = difference_interval(min(a, n), n, min(b, m), m)
    there = difference_interval(min(b, m), m, min(a, n), n)
    assert there == pytest.approx((-high, -low))


def test_f1_lies_in_its_interval() -> None:
    # 30 right of 40 that have the label or were given it: F1 = 60 / 70.
    low, high = f1_interval(30, 40)
    share_low, share_high = wilson_interval(30, 40)
    assert (low, high) == (2 * share_low / (1 + share_low), 2 * share_high / (1 + share_high))
    assert low < 60 / 70 < high
