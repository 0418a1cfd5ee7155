from zoo_workers.pacing import Pacing


class Clock:
    """Goes as far as it is told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def wait_after(cost_s: float, *, every_s: float) -> tuple[int, int]:
    """Seconds after a write of that cost until the next is due, and until it is cheap."""
    clock = Clock()
    pacing = Pacing(every_s, clock=clock)
    with pacing.writing():
        clock.now_s += cost_s
    waits = {"due": 0, "cheap": 0}
    while not pacing.is_due:
        waits["due"] += 1
        waits["cheap"] += not pacing.is_cheap
        clock.now_s += 1
    return waits["due"], waits["cheap"]


def test_writing_takes_a_twentieth_of_the_time_and_comes_once_a_minute_at_least() -> None:
    assert wait_after(0.1, every_s=30) == (30, 2)
    assert wait_after(2, every_s=30) == (40, 40)
    assert wait_after(9, every_s=30) == (60, 60)
    assert wait_after(9, every_s=300) == (300, 60)


def test_no_time_between_means_every_time() -> None:
    assert wait_after(9, every_s=0) == (0, 0)
