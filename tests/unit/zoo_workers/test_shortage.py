from pathlib import Path

from zoo_workers.shortage import boot_id


def test_a_start_of_the_machine_has_a_name_where_the_system_tells(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("cba53557\n")
    assert [boot_id(tmp_path / name) for name in ("boot_id", "none")] == ["cba53557", ""]
