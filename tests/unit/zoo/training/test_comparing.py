"""Of strategies that cannot be told apart the cheapest is taken, and it is said."""

import numpy as np
import pytest

from zoo.training.comparing import (
    Candidate,
    choose_best,
    choose_cheapest,
    difference,
    log_loss_of,
    transfer_note,
    verdict,
)
from zoo.training.intervals import wilson_interval


def candidate(strategy: str, n_right: int, loss: float | None, *, cpu_s: float = 1) -> Candidate:
    is_right = np.arange(200) < n_right
    return Candidate(
        strategy=strategy,
        validation_loss=loss,
        validation_accuracy=None,
        accuracy=n_right / 200,
        accuracy_interval=wilson_interval(n_right, 200),
        is_right=is_right,
        cpu_s=cpu_s,
        trained_parameters=10,
    )


HEAD = candidate("head_only", 158, 0.45)


def test_a_difference_counts_only_what_the_two_disagree_on() -> None:
    found = difference(candidate("full", 178, 0.3), HEAD)
    assert found.points == pytest.approx(20 / 200)
    assert found.interval == pytest.approx((0.0567, 0.1413), abs=1e-4)
    assert not found.is_tie
    assert difference(candidate("full", 161, 0.3), HEAD).is_tie


def test_the_least_validation_loss_is_best_and_a_tie_goes_to_the_cheaper() -> None:
    better, level = candidate("full", 178, 0.3), candidate("full", 161, 0.3)
    assert choose_best([HEAD, better]) is choose_cheapest([HEAD, better]) is better
    assert choose_best([HEAD, level]) is level
    assert choose_cheapest([HEAD, level]) is HEAD
    assert choose_best([HEAD, candidate("full", 178, 0.45)]) is HEAD
    assert choose_best([candidate("head_only", 1, None), candidate("full", 2, None)]).strategy == (
        "head_only"
    )


def test_the_verdict_names_a_tie_or_the_difference() -> None:
    assert verdict([HEAD, candidate("full", 161, 0.3)]) == (
        "full and head_only are a tie (+1.5 points, 95 % interval -0.4 to +3.4 on 200 test "
        "pictures), so head_only was taken, which is cheaper"
    )
    assert verdict([HEAD, candidate("full", 178, 0.3)]) == (
        "full was taken: it is better than head_only, the next (+10.0 points, 95 % interval +5.7 "
        "to +14.1 on 200 test pictures)"
    )


def test_negative_transfer_is_named() -> None:
    scratch = candidate("scratch", 160, 0.4, cpu_s=50)
    is_negative, said = transfer_note([HEAD, scratch], scratch="scratch") or (False, "")
    assert is_negative
    assert said == (
        "negative transfer: scratch is no worse than head_only (-1.0 points, 95 % interval -2.7 "
        "to +0.7, 1.0 s of CPU time against 50.0), so what this backbone has learnt is of no use "
        "here; try one that was trained on pictures like these"
    )
    worse = candidate("scratch", 110, 0.7, cpu_s=50)
    is_negative, said = transfer_note([HEAD, worse], scratch="scratch") or (True, "")
    assert not is_negative
    assert said.startswith("pre-training helps: head_only against scratch: +24.0 points")
    assert transfer_note([HEAD], scratch="scratch") is None


@pytest.mark.parametrize(("n_right", "is_negative"), [(157, True), (155, False)])
def test_transfer_is_not_called_negative_where_scratch_only_may_be_as_good(
    n_right: int, is_negative: bool
) -> None:
    scratch = candidate("scratch", n_right, 0.6, cpu_s=50)
    found, said = transfer_note([HEAD, scratch], scratch="scratch") or (None, "")
    assert found is is_negative
    undecided = (
        "whether pre-training helps cannot be told from 200 test pictures: head_only against "
        "scratch: +1.5 points, 95 % interval -0.4 to +3.4, 1.0 s of CPU time against 50.0"
    )
    assert said == undecided or is_negative


@pytest.mark.parametrize(
    ("losses", "why"),
    [((0.45, 0.3), "by the validation side"), ((None, None), "for want of a validation side")],
)
def test_the_verdict_owns_that_the_test_side_says_otherwise(
    losses: tuple[float | None, float | None], why: str
) -> None:
    one, other = (138, 158) if losses[0] is None else (158, 138)
    tried = [candidate("head_only", one, losses[0]), candidate("full", other, losses[1])]
    taken, better = ("head_only", "full") if losses[0] is None else ("full", "head_only")
    assert verdict(tried) == (
        f"{taken} was taken {why}, though {better} is better on the test side (-10.0 points, 95 % "
        "interval -14.1 to -5.7 on 200 test pictures)"
    )


def test_log_loss_is_the_mean_surprise() -> None:
    logits = np.log(np.array([[0.5, 0.5], [0.8, 0.2]]))
    assert log_loss_of(logits, np.array([0, 1])) == pytest.approx(-np.log([0.5, 0.2]).mean())
