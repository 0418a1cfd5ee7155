import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.endings import LAST_LIFE, NONE
from zoo.supervisor.processes import ChildSpec, Death, Processes, describe_exit

Eventually = Callable[..., bool]


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes(os.environ)
    yield made
    made.stop((), is_urgent=lambda: True)


def script(name: str, code: str, grace_s: float = 1.0) -> ChildSpec:
    return ChildSpec(name=name, argv=(sys.executable, "-c", code), grace_s=grace_s)


def deaths_of(processes: Processes, count: int, eventually: Eventually) -> list[Death]:
    seen: list[Death] = []

    def have_enough() -> bool:
        seen.extend(processes.tend())
        return len(seen) >= count

    assert eventually(have_enough)
    return seen


def test_a_process_that_keeps_dying_is_started_again_ever_more_slowly(
    processes: Processes, eventually: Eventually
) -> None:
    processes.start(script("worker", "raise SystemExit(3)"))

    deaths = deaths_of(processes, 3, eventually)

    assert [d.again_in_s for d in deaths] == [0.2, 0.4, 0.8]
    assert [d.in_a_row for d in deaths] == [1, 2, 3]
    assert {d.reason for d in deaths} == {"exit code 3"}
    assert not any(d.is_refusal for d in deaths)


def test_each_life_of_a_process_knows_how_the_one_before_it_ended(
    processes: Processes, tmp_path: Path, eventually: Eventually
) -> None:
    told = tmp_path / "told"
    tell = f"""
import os, signal
with open({str(told)!r}, "a") as file:
    file.write(os.environ[{LAST_LIFE!r}] + " ")
os.kill(os.getpid(), signal.SIGSEGV)
"""
    processes.start(script("predictor", tell))

    deaths_of(processes, 2, eventually)

    assert told.read_text() == f"{NONE} {-signal.SIGSEGV} "


def test_exit_code_2_is_a_refusal(processes: Processes, eventually: Eventually) -> None:
    processes.start(script("api", "raise SystemExit(2)"))

    assert deaths_of(processes, 1, eventually)[0].is_refusal


def test_what_a_dead_process_leaves_in_its_group_is_ended(
    processes: Processes, tmp_path: Path, eventually: Eventually
) -> None:
    orphan = tmp_path / "orphan"
    leave = f"""
import os, signal
from pathlib import Path
pid = os.fork()
if pid == 0:
    signal.pause()
Path({str(orphan)!r}).write_text(str(pid))
"""
    processes.start(script("worker", leave))

    deaths_of(processes, 1, eventually)

    def is_gone() -> bool:
        stat = Path(f"/proc/{orphan.read_text()}/stat")
        return not stat.exists() or stat.read_text().split(")")[1].split()[0] == "Z"

    assert eventually(is_gone)


def test_each_child_leads_a_group_of_its_own(processes: Processes) -> None:
    processes.start(script("keeper", "import signal; signal.pause()"))

    pid = processes.pids()["keeper"]

    assert os.getpgid(pid) == pid != os.getpgid(0)


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (-signal.SIGSEGV, "signal SIGSEGV"), (-255, "signal 255")],
)
def test_an_exit_is_described_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words


def test_several_of_one_part_are_stopped_together() -> None:
    made = Processes(os.environ)
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); print(1); signal.pause()"
    for number in range(4):
        spec = script(f"worker-gpu{number}", stubborn, grace_s=0.3)
        made.start(replace(spec, part="worker"))

    began = time.monotonic()
    made.stop(("worker",), is_urgent=lambda: False)

    assert time.monotonic() - began < 0.9
    assert made.pids() == {}


def test_a_process_has_its_own_environment_above_that_of_all(
    processes: Processes, tmp_path: Path, eventually: Eventually
) -> None:
    said = tmp_path / "said"
    write = f"import os, pathlib; pathlib.Path({str(said)!r}).write_text(os.environ['ZOO_QUEUE'])"

    processes.start(replace(script("worker", write), environment={"ZOO_QUEUE": "gpu"}))

    assert eventually(lambda: said.exists() and said.read_text() == "gpu")
