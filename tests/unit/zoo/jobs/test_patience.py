import pytest

from zoo.jobs.patience import Patience


def test_pauses_double_and_never_exceed_half_a_minute() -> None:
    pauses = [Patience(wait_s=1).pause_s(waits) for waits in (0, 1, 2, 3, 4, 5, 1000)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("wait_s", "waits"), [(0, 0), (0.9, 0), (1, 1), (3, 2), (31, 5), (60, 5), (61, 6)]
)
def test_there_are_as_many_waits_as_pauses_fit_in(wait_s: float, waits: int) -> None:
    assert Patience(wait_s=wait_s).waits == waits


def test_there_are_the_least_waits_where_fewer_pauses_would_fit_in() -> None:
    assert [Patience(wait_s=wait_s, least=2).waits for wait_s in (0, 3, 31)] == [2, 2, 5]


def test_what_was_waited_is_the_sum_of_the_pauses() -> None:
    assert [Patience(wait_s=0).waited_s(waits) for waits in (0, 1, 2, 6)] == [0, 1, 3, 61]
