import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.jobs import presence
from zoo.jobs.presence import boot_id, is_gone, is_running, parse_presence, this_process


def test_a_living_process_is_not_gone() -> None:
    assert not is_gone(this_process())


def test_a_later_process_with_the_same_id_is_not_the_one_that_wrote() -> None:
    here = this_process()
    assert is_gone(replace(here, started=f"{here.started}0"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells one boot from another")
@pytest.mark.parametrize("file", ["BOOT", "PROCESS_IDS"])
def test_nothing_is_known_of_another_place_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """Neither of a clone, nor of another container of this machine."""
    there = this_process()
    path = tmp_path / "other"
    path.write_text("0" * 36)
    monkeypatch.setattr(presence, file, path)

    assert this_process().node == there.node
    assert not is_gone(there)
    assert not is_gone(replace(there, started=f"{there.started}0"))


def test_a_start_of_the_machine_has_a_name_where_the_system_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BOOT", tmp_path / "boot_id")
    assert boot_id() == ""
    presence.BOOT.write_text("cba53557\n")
    assert boot_id() == "cba53557"


def test_nothing_is_known_of_other_hosts() -> None:
    assert not is_gone(replace(this_process(), node="elsewhere", started="before"))


def test_a_killed_process_runs_no_more_even_before_it_is_reaped() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_running(child.pid)

    child.kill()
    while is_running(child.pid):
        pass

    child.communicate()
    assert not is_running(child.pid)


def test_what_was_written_is_read_again() -> None:
    here = this_process()
    assert parse_presence(str(here)) == here
    assert parse_presence("a keeper of old") is None
