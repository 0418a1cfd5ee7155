import pytest

from zoo.jobs.patience import Patience


def test_pauses_double_and_never_exceed_half_a_minute() -> None:
    pauses = [Patience(wait_s=1).pause_s(attempt) for attempt in (0, 1, 2, 3, 4, 5, 1000)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("wait_s", "attempts"), [(0, 1), (0.9, 1), (1, 2), (3, 3), (31, 6), (60, 6), (61, 7)]
)
def test_there_are_as_many_attempts_as_pauses_fit_into_the_wait(
    wait_s: float, attempts: int
) -> None:
    assert Patience(wait_s=wait_s).attempts == attempts
