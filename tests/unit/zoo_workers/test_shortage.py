from pathlib import Path

from zoo_workers.shortage import boot_id, oom_kills


def test_what_was_killed_for_memory_is_counted_where_the_system_tells(tmp_path: Path) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("nr_free_pages 3\noom_kill 7\noom_kill_allocating_task 1\n")
    (tmp_path / "bare").write_text("nr_free_pages 3\n")
    counts = [oom_kills(tmp_path / name) for name in ("vmstat", "bare", "none")]
    assert counts == [7, None, None]


def test_a_start_of_the_machine_has_a_name_where_the_system_tells(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("cba53557\n")
    assert [boot_id(tmp_path / name) for name in ("boot_id", "none")] == ["cba53557", ""]
