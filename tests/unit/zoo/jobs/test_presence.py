import subprocess
import sys
from dataclasses import replace

from zoo.jobs.presence import is_gone, is_running, parse_presence, this_process


def test_a_living_process_is_not_gone() -> None:
    assert not is_gone(this_process())


def test_a_later_process_with_the_same_id_is_not_the_one_that_wrote() -> None:
    assert is_gone(replace(this_process(), started="before"))


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
