import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.training.calibration import (
    Calibration,
    expected_by_chance,
    expected_calibration_error,
    fit_temperature,
    reliability,
)


def drawn(n: int, *, sharpened: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and the targets that they foretell, but for a factor on the logits."""
    rng = np.random.default_rng(0)
    logits = 2 * rng.standard_normal((n, 3))
    noise = rng.gumbel(size=logits.shape)
    return sharpened * logits, (logits + noise).argmax(axis=1)


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


@pytest.mark.parametrize("n", [60, 1000])
def test_what_chance_alone_shows_is_told(n: int) -> None:
    rng = np.random.default_rng(1)
    confidences = rng.uniform(0.5, 1, n)
    shown = [
        expected_calibration_error(confidences, rng.random(n) < confidences) for _ in range(200)
    ]
    assert expected_by_chance(confidences) == pytest.approx(np.mean(shown), rel=0.05)


def test_bins_tell_confidence_and_accuracy_and_empty_ones_are_left_out() -> None:
    low, high = reliability(np.array([0.55, 0.59, 0.99]), np.array([True, False, True]))
    assert (low.n, low.confidence, low.accuracy) == (2, pytest.approx(0.57), 0.5)
    assert (low.lower, low.upper) == (8 / 15, 9 / 15)
    assert (high.n, high.confidence, high.accuracy, high.upper) == (1, 0.99, 1.0, 1.0)


@pytest.mark.parametrize("sharpened", [0.5, 1.0, 3.0])
def test_the_temperature_takes_back_what_sharpened_the_logits(sharpened: float) -> None:
    logits, targets = drawn(5000, sharpened=sharpened)
    found = fit_temperature(logits, targets, method="validation")
    assert found.temperature == pytest.approx(sharpened, rel=0.1)
    assert (found.method, found.n, found.reason) == ("validation", 5000, "")


@pytest.mark.parametrize(("sharpened", "expected"), [(0.5, 0.5**0.5), (3.0, 3.0)])
def test_cross_validated_logits_are_sharpened_by_half_only(
    sharpened: float, expected: float
) -> None:
    logits, targets = drawn(5000, sharpened=sharpened)
    found = fit_temperature(logits, targets, method="cross_validation")
    assert found.temperature == pytest.approx(expected, rel=0.1)


def test_a_few_images_move_the_temperature_less_than_many() -> None:
    few, many = (
        fit_temperature(*drawn(n, sharpened=4.0), method="validation").temperature
        for n in (24, 2400)
    )
    assert 1 < few < many


def test_too_few_images_give_no_temperature_and_a_reason() -> None:
    assert fit_temperature(*drawn(19), method="cross_validation") == Calibration(
        temperature=1.0,
        method="none",
        n=0,
        reason="a temperature needs 20 examples to be fitted to, there are 19",
    )


@given(st.integers(20, 60), st.floats(0, 500), st.integers(0, 99))
def test_a_temperature_is_always_a_sound_divisor(n: int, size: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = size * rng.standard_normal((n, 2))
    found = fit_temperature(logits, rng.integers(0, 2, n), method="validation")
    assert 0.05 <= found.temperature <= 20
