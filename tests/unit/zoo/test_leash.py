import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from zoo import leash

ROOT = Path(leash.__file__).parent.parent

CHILD = """
import os, sys, time
from pathlib import Path
from zoo import leash
leash.hold()
if os.fork() == 0:
    leash.hold_child()
    Path(sys.argv[1], "grandchild").write_text(str(os.getpid()))
    time.sleep(60)
Path(sys.argv[1], "child").write_text(str(os.getpid()))
time.sleep(60)
"""

HOLDER = """
import os, subprocess, sys, time
from pathlib import Path
from zoo import leash
held = leash.Leash()
env = {**os.environ, **held.environment()}
folder = Path(sys.argv[1])
process = subprocess.Popen(sys.argv[2:], env=env, pass_fds=(held.read_fd,), process_group=0)
(folder / "started").write_text(str(process.pid))
while not (folder / "let-go").exists():
    time.sleep(0.01)
held.release()
process.wait()
(folder / "released").touch()
time.sleep(60)
"""


def eventually(holds: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def pid_in(path: Path) -> int:
    assert eventually(lambda: path.exists() and path.read_text() != "")
    return int(path.read_text())


@pytest.fixture
def environment() -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("ZOO_")}
    return {**mine, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def hold_on(
    tmp_path: Path, environment: dict[str, str]
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    holders = []

    def start(*command: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-c", HOLDER, str(tmp_path), *command]
        holders.append(subprocess.Popen(argv, env=environment))
        return holders[-1]

    yield start
    for holder in holders:
        holder.kill()
        holder.wait()


def test_a_killed_holder_takes_its_child_and_grandchild_along(
    tmp_path: Path, hold_on: Callable[..., subprocess.Popen[bytes]]
) -> None:
    holder = hold_on(sys.executable, "-c", CHILD, str(tmp_path))
    child, grandchild = pid_in(tmp_path / "child"), pid_in(tmp_path / "grandchild")

    holder.kill()

    assert eventually(lambda: not is_alive(child) and not is_alive(grandchild))


def test_letting_go_of_the_pipe_alone_ends_the_child_and_its_own(
    tmp_path: Path, hold_on: Callable[..., subprocess.Popen[bytes]]
) -> None:
    holder = hold_on(sys.executable, "-c", CHILD, str(tmp_path))
    child, grandchild = pid_in(tmp_path / "child"), pid_in(tmp_path / "grandchild")

    (tmp_path / "let-go").touch()

    assert eventually((tmp_path / "released").exists)
    assert eventually(lambda: not is_alive(child) and not is_alive(grandchild))
    assert holder.poll() is None


def test_a_killed_child_takes_what_it_forked_along(
    tmp_path: Path, hold_on: Callable[..., subprocess.Popen[bytes]]
) -> None:
    hold_on(sys.executable, "-c", CHILD, str(tmp_path))
    child, grandchild = pid_in(tmp_path / "child"), pid_in(tmp_path / "grandchild")

    os.kill(child, 9)

    assert eventually(lambda: not is_alive(grandchild))


def test_a_binary_that_knows_nothing_dies_with_its_holder(
    tmp_path: Path, hold_on: Callable[..., subprocess.Popen[bytes]]
) -> None:
    holder = hold_on(sys.executable, "-I", leash.__file__, "--", "sleep", "60")
    binary = pid_in(tmp_path / "started")
    assert eventually(lambda: psutil.Process(binary).name() == "sleep")

    holder.kill()

    assert eventually(lambda: not is_alive(binary))


def test_without_a_leash_a_process_lives_on_and_its_forks_still_die_with_it(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], env=environment)
    grandchild = pid_in(tmp_path / "grandchild")
    assert process.poll() is None

    process.kill()
    process.wait()

    assert eventually(lambda: not is_alive(grandchild))


def test_a_child_whose_parent_died_before_it_held_on_ends_at_once(
    environment: dict[str, str],
) -> None:
    orphaned = {**environment, leash.PARENT: "1"}

    process = subprocess.run(
        [sys.executable, "-c", "from zoo import leash; leash.hold()"], env=orphaned, timeout=20
    )

    assert process.returncode == -9


def test_a_descriptor_that_is_not_the_leash_is_left_alone(
    environment: dict[str, str],
) -> None:
    strange = {**environment, leash.PARENT: str(os.getpid()), leash.FD: "0", leash.INODE: "1"}
    script = (
        "import threading; from zoo import leash; leash.hold(); print(threading.active_count())"
    )

    process = subprocess.run(
        [sys.executable, "-c", script], env=strange, timeout=20, capture_output=True, text=True
    )

    assert process.stdout == "1\n"
