"""Models that end the process which runs them: found out by what the process left, and refused."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from zoo.endings import telling
from zoo.errors import UnavailableError
from zoo.inference import guarding
from zoo.inference.guarding import Act, Guard
from zoo.predictor import BackboneRef

BAD = BackboneRef(plugin="odd", architecture="net", weights="v1")
GOOD = BackboneRef(plugin="fine", architecture="net", weights="v1")
At = tuple[BackboneRef, Act, float | None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "at_work.json"


def after_death(path: Path, *at_work: At) -> Guard:
    """The guard of the process that comes after one that died at this."""
    Guard(path).close()
    state = json.loads(path.read_text())
    state["at_work"] = [
        {"model": ref.name, "act": act, "until": until} for ref, act, until in at_work
    ]
    path.write_text(json.dumps(state))
    return Guard(path)


def after_deaths(path: Path, n: int, *at_work: At) -> Guard:
    for _ in range(n):
        guard = after_death(path, *at_work)
    return guard


def are_refused(guard: Guard, refs: Sequence[BackboneRef] = (BAD, GOOD)) -> list[bool]:
    return [is_refused(guard, ref) for ref in refs]


def is_refused(guard: Guard, ref: BackboneRef) -> bool:
    try:
        with guard.during(Act.FORWARD, ref):
            return False
    except UnavailableError:
        return True


FORWARDING: At = (BAD, Act.FORWARD, None)


def test_a_model_that_two_processes_died_of_is_refused_for_a_minute_and_named(path: Path) -> None:
    guard = after_deaths(path, 2, FORWARDING)

    with pytest.raises(UnavailableError) as caught, guard.during(Act.FORWARD, BAD):
        pass

    assert caught.value.code == "model_crashed"
    assert caught.value.retry_after_s == guarding.REFUSED_S
    assert caught.value.detail == (
        "model 'odd.net.v1' of the plugin 'odd' crashes, or holds up, the process that runs "
        "models, and is refused for 60 s; use another model, and have the plugin mended or "
        "uninstall it"
    )
    assert not is_refused(guard, GOOD)


def test_nobody_is_to_blame_for_a_process_that_was_killed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in telling(-signal.SIGKILL).items():
        monkeypatch.setenv(name, value)
    assert not is_refused(after_deaths(path, 2, FORWARDING), BAD)


def test_who_is_at_work_is_to_blame_where_the_system_killed_for_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in telling(-signal.SIGKILL).items():
        monkeypatch.setenv(name, value)
    kills = count()
    monkeypatch.setattr(guarding, "oom_kills", lambda: next(kills))
    assert is_refused(after_deaths(path, 2, FORWARDING), BAD)


def test_one_death_alone_may_be_anybodys(path: Path) -> None:
    assert not is_refused(after_death(path, FORWARDING), BAD)


def test_what_goes_well_in_between_does_not_make_up_for_a_death(path: Path) -> None:
    assert not is_refused(after_death(path, FORWARDING), BAD)
    assert is_refused(after_death(path, FORWARDING), BAD)


def test_after_its_minute_a_model_may_try_again_and_has_one_death_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = after_deaths(path, 2, FORWARDING)
    later = time.monotonic() + guarding.REFUSED_S
    monkeypatch.setattr(guarding.time, "monotonic", lambda: later)

    assert not is_refused(guard, BAD)
    assert is_refused(after_death(path, FORWARDING), BAD)


def test_after_ten_minutes_a_death_is_forgotten(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_death(path, FORWARDING)
    later = time.monotonic() + guarding.WHILE_S
    monkeypatch.setattr(guarding.time, "monotonic", lambda: later)

    assert not is_refused(after_death(path, FORWARDING), BAD)


def test_who_never_was_alone_is_not_refused(path: Path) -> None:
    together: tuple[At, At] = ((GOOD, Act.FORWARD, None), (BAD, Act.BUILD, None))

    assert are_refused(after_deaths(path, 2, *together)) == [False, False]
    assert are_refused(after_death(path, FORWARDING)) == [True, False]


def test_for_a_minute_after_a_death_models_work_one_at_a_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = after_death(path, FORWARDING)
    begun = threading.Event()

    def forward() -> None:
        with guard.during(Act.FORWARD, GOOD):
            begun.set()

    waiting = threading.Thread(target=forward)
    with guard.during(Act.BUILD, BAD):
        waiting.start()
        assert not begun.wait(0.05)
    waiting.join()
    later = time.monotonic() + guarding.REFUSED_S
    monkeypatch.setattr(guarding.time, "monotonic", lambda: later)
    with guard.during(Act.BUILD, BAD), guard.during(Act.FORWARD, GOOD):
        pass


def test_who_was_late_is_blamed_alone_and_at_once(path: Path) -> None:
    late, early = time.monotonic() - 0.1, time.monotonic() + 60
    guard = after_death(path, (GOOD, Act.BUILD, early), (BAD, Act.FORWARD, late))

    assert are_refused(guard) == [True, False]


def test_who_waited_for_what_hung_is_not_blamed_for_being_late_too(path: Path) -> None:
    hung, waited = time.monotonic() - 2, time.monotonic() - 1
    guard = after_death(path, (GOOD, Act.FORWARD, waited), (BAD, Act.FORWARD, hung))

    assert are_refused(guard) == [True, False]


def test_who_was_killed_long_before_the_next_start_was_not_late(path: Path) -> None:
    long_ago = time.monotonic() - guarding.SOON_S

    assert not is_refused(after_death(path, (BAD, Act.FORWARD, long_ago)), BAD)


def test_a_process_that_ends_well_in_the_middle_of_its_work_blames_nobody(path: Path) -> None:
    for _ in range(2):
        guard = Guard(path)
        with guard.during(Act.FORWARD, BAD):
            guard.close()

    assert not is_refused(Guard(path), BAD)


@pytest.mark.parametrize("text", ["", '{"at_work": ', "[]", '{"at_work": [{}], "deaths": {}}'])
def test_a_file_that_is_none_of_ours_blames_nobody(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)

    assert are_refused(Guard(path)) == [False, False]


def test_where_no_note_can_be_written_all_goes_on_as_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = Guard(path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(guarding.os, "pwrite", full)

    assert not is_refused(guard, BAD)


def test_what_goes_wrong_in_python_leaves_no_note(path: Path) -> None:
    with pytest.raises(RuntimeError), Guard(path).during(Act.FORWARD, BAD):
        raise RuntimeError

    left = json.loads(path.read_text())
    assert (left["at_work"], left["deaths"]) == ([], {})


def test_what_hangs_ends_its_process_and_is_refused_by_the_next(path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from zoo.inference.guarding import Act, Guard
from zoo.predictor import BackboneRef
guard = Guard(Path({str(path)!r}), limits_s={{Act.FORWARD: 0.05, Act.BUILD: 60.0}})
ref = BackboneRef(plugin="odd", architecture="net", weights="v1")
good = BackboneRef(plugin="fine", architecture="net", weights="v1")
with guard.during(Act.FORWARD, good):
    pass
time.sleep(0.1)
with guard.during(Act.BUILD, good), guard.during(Act.FORWARD, ref):
    time.sleep(60)
"""
    ended = subprocess.run([sys.executable, "-c", code], timeout=60)

    assert ended.returncode == -signal.SIGALRM
    assert are_refused(Guard(path)) == [True, False]
