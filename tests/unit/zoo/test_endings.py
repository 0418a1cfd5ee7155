import signal
from pathlib import Path

import pytest

from zoo.endings import oom_kills, telling, was_killed


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (None, True),  # all that belongs together began anew
        (-signal.SIGKILL, True),
        (-signal.SIGTERM, True),
        (-signal.SIGSEGV, False),
        (-signal.SIGALRM, False),
        (0, False),
        (3, False),
    ],
)
def test_who_starts_a_process_again_tells_whether_it_was_killed(
    code: int | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in telling(code).items():
        monkeypatch.setenv(name, value)
    assert was_killed() is expected


def test_where_nobody_tells_a_process_may_have_ended_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in telling(None):
        monkeypatch.delenv(name, raising=False)
    assert not was_killed()


def test_what_was_killed_for_memory_is_counted_where_the_system_tells(tmp_path: Path) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("nr_free_pages 3\noom_kill 7\noom_kill_allocating_task 1\n")
    (tmp_path / "bare").write_text("nr_free_pages 3\n")
    counts = [oom_kills(tmp_path / name) for name in ("vmstat", "bare", "none")]
    assert counts == [7, None, None]
