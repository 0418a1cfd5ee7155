"""The sandbox's child: replaced when it fails, confined while it lives, gone with its parent."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.pictures import encode, picture
from zoo.backbone import Preprocessing
from zoo.errors import ImageError, UnavailableError
from zoo.images import decoder
from zoo.images.sandbox import DecodeLimits, Sandbox

ROOT = Path(__file__).parents[4]
LIMITS = DecodeLimits(max_bytes=25_000_000, max_pixels=64_000_000, timeout_s=30)
SLOW = encode(Image.effect_noise((4500, 4500), 50), "PNG", compress_level=1)
"""A picture that keeps its decoder busy for a part of a second."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(LIMITS) as opened:
        opened.measure(picture())
        yield opened


def child_of(sandbox: Sandbox) -> int:
    assert sandbox.pid is not None
    return sandbox.pid


def wait_until(holds: Callable[[], bool], *, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state_of(pid: int) -> str:
    """The letter of a process's state; empty when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return ""
    return stat.rpartition(")")[2].split()[0]


def cpu_ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def as_soon_as_busy(pid: int, act: Callable[[], None]) -> threading.Thread:
    """Act once the child has begun to work on what is asked next."""
    before = cpu_ticks(pid)

    def watch() -> None:
        wait_until(lambda: cpu_ticks(pid) > before)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_nothing_starts_before_it_is_needed() -> None:
    with Sandbox(LIMITS) as opened:
        assert opened.pid is None
        opened.start()
        assert opened.pid is not None


def test_one_child_serves_all_pictures_and_ends_with_its_owner(sandbox: Sandbox) -> None:
    pid = child_of(sandbox)
    for seed in range(5):
        sandbox.measure(picture(seed))
    assert sandbox.pid == pid
    sandbox.close()
    assert state_of(pid) == ""


def test_a_closed_sandbox_leaves_no_descriptor_behind() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Sandbox(LIMITS) as opened:
        opened.measure(picture())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_child_killed_between_pictures_is_replaced(sandbox: Sandbox) -> None:
    pid = child_of(sandbox)
    os.kill(pid, signal.SIGKILL)
    assert sandbox.measure(picture()) == (64, 48)
    assert sandbox.pid not in (pid, None)


def test_a_picture_whose_child_is_killed_is_decoded_by_the_next(sandbox: Sandbox) -> None:
    pid = child_of(sandbox)
    killing = as_soon_as_busy(pid, lambda: os.kill(pid, signal.SIGKILL))
    assert sandbox.measure(SLOW) == (4500, 4500)
    killing.join()
    assert sandbox.pid not in (pid, None)


def test_a_picture_whose_child_is_stopped_is_decoded_by_the_next() -> None:
    limits = DecodeLimits(max_bytes=25_000_000, max_pixels=64_000_000, timeout_s=2)
    with Sandbox(limits) as opened:
        opened.measure(picture())
        pid = child_of(opened)
        os.kill(pid, signal.SIGSTOP)
        assert opened.measure(picture()) == (64, 48)
        assert opened.pid not in (pid, None)
    assert state_of(pid) == ""


def test_a_picture_that_takes_too_long_is_given_up_and_the_next_is_fine() -> None:
    limits = DecodeLimits(max_bytes=25_000_000, max_pixels=64_000_000, timeout_s=0.1)
    with Sandbox(limits) as opened:
        with pytest.raises(ImageError) as caught:
            opened.measure(SLOW)
        assert caught.value.code == "decoder_timeout"
        assert caught.value.detail == "the picture took more than 0.1 s to decode"
        assert opened.measure(picture()) == (64, 48)


Speak = Callable[[str], None]


@pytest.fixture
def speak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Speak:
    """Children that say that they are ready, take a question, and then do as they are told."""

    def replace_child(act: str) -> None:
        child = tmp_path / "child.py"
        child.write_text(
            "import os, signal, socket\nchannel = socket.socket(fileno=0)\n"
            f"channel.sendall(b'\\0\\0\\0\\2{{}}')\nchannel.recv(1 << 20)\n{act}\n"
        )
        monkeypatch.setattr(decoder, "CHILD", child)

    return replace_child


def crash(content: bytes) -> str:
    with Sandbox(LIMITS) as opened, pytest.raises(ImageError) as caught:
        opened.measure(content)
    assert caught.value.code == "decoder_crashed"
    return caught.value.detail


def test_a_picture_that_kills_every_child_is_given_up(speak: Speak) -> None:
    speak("os.kill(os.getpid(), signal.SIGSEGV)")
    assert crash(picture()) == "the picture crashed its decoder (SIGSEGV)"


@pytest.mark.parametrize(
    "reply",
    [
        "\\xff\\xff\\xff\\xff",
        "\\0\\0\\0\\2no",
        "\\0\\0\\0\\2[]",
        "\\0\\0\\0\\5{}",
        "\\0\\0\\0\\2{}{}",
    ],
    ids=["long", "text", "list", "cut", "more"],
)
def test_a_child_that_talks_nonsense_is_not_believed(speak: Speak, reply: str) -> None:
    speak(f"channel.sendall(b'{reply}')")
    assert crash(picture()) == "the picture crashed its decoder (exit code 0)"


@pytest.mark.parametrize(
    ("width", "size"),
    [(8, 191), (8, 193), (8, 1 << 40), (0, 192), (8_000_001, 192)],
    ids=["too few bytes", "too many bytes", "beyond the memory", "no width", "too wide"],
)
def test_an_answer_that_cannot_be_is_not_believed(speak: Speak, width: int, size: int) -> None:
    speak(
        f'text = b\'{{"width": {width}, "height": 8, "size": {size}}}\'\n'
        "channel.sendall(len(text).to_bytes(4) + text)"
    )
    wanted = Preprocessing(
        input_size=(8, 8), resize=8, interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1)
    )
    with Sandbox(LIMITS) as opened, pytest.raises(ImageError) as caught:
        opened.decode(picture(), wanted)
    assert caught.value.detail == "the picture crashed its decoder (exit code 0)"


def test_a_picture_that_needs_too_much_memory_of_every_child_is_given_up(speak: Speak) -> None:
    """The reply is the real child's; to run out of memory for real is tested with pictures."""
    speak(
        "import json, struct\n"
        "text = json.dumps({'code': 'decoder_out_of_memory', 'detail': 'too much'}).encode()\n"
        "channel.sendall(struct.pack('!I', len(text)) + text)"
    )
    with Sandbox(LIMITS) as opened, pytest.raises(ImageError) as caught:
        opened.measure(picture())
    assert (caught.value.code, caught.value.detail) == ("decoder_out_of_memory", "too much")


def test_a_child_that_does_not_start_is_no_fault_of_the_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "child.py"
    broken.write_text("raise SystemExit(3)")
    with Sandbox(LIMITS) as opened:
        with monkeypatch.context() as patch:
            patch.setattr(decoder, "CHILD", broken)
            with pytest.raises(UnavailableError) as caught:
                opened.measure(picture())
        assert caught.value.code == "decoder_unavailable"
        assert caught.value.detail == "the picture decoder does not start (exit code 3)"
        assert opened.measure(picture()) == (64, 48)


def test_the_child_may_open_write_and_start_nothing(sandbox: Sandbox) -> None:
    pid = child_of(sandbox)
    memory = 2**30 + 20 * LIMITS.max_pixels
    for right, most in {
        resource.RLIMIT_NOFILE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: memory,
    }.items():
        assert resource.prlimit(pid, right) == (most, most)


def test_the_child_holds_its_socket_and_the_memory_for_pixels_only(sandbox: Sandbox) -> None:
    folder = Path(f"/proc/{child_of(sandbox)}/fd")
    held = {int(entry.name): str(entry.readlink()) for entry in folder.iterdir()}
    assert sorted(held) == [0, 1, 2, 3]
    assert held[0].startswith("socket:")
    assert held[1] == held[2] == os.devnull
    assert held[3].startswith("/memfd:zoo-pixels")


def test_the_child_cannot_take_the_memory_away_under_its_parent(sandbox: Sandbox) -> None:
    """To read pages that are no longer there would kill the parent."""
    memory = Path(f"/proc/{child_of(sandbox)}/fd/3")
    with memory.open("r+b") as file, pytest.raises(PermissionError):
        file.truncate(0)


def test_the_child_knows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_DATABASE_URL", "postgresql://zoo:secret@db")
    with Sandbox(LIMITS) as opened:
        opened.measure(picture())
        environment = Path(f"/proc/{child_of(opened)}/environ").read_bytes()
    assert b"secret" not in environment


CONFINED = """
from zoo.images.child.serving import Limits, confine
confine(Limits(0, 2 << 30, 64_000_000, 1.0))
import socket, os
def refused(act):
    try:
        act()
    except OSError as error:
        return error.strerror
    return "allowed"
print(refused(lambda: open({path!r})))
print(refused(lambda: open({path!r}, "w")))
print(refused(socket.socket))
print(refused(os.pipe))
"""


def test_confined_code_can_open_no_file_and_no_socket(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("kept")
    script = CONFINED.format(path=str(path))
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines() == ["Too many open files"] * 4
    assert path.read_text() == "kept"


PARENT = """
import sys
from tests.pictures import picture
from zoo.images.sandbox import DecodeLimits, Sandbox
sandbox = Sandbox(DecodeLimits(max_bytes=25_000_000, max_pixels=64_000_000, timeout_s=1))
sandbox.measure(picture())
print(sandbox.pid, flush=True)
sys.stdin.read()
"""


def test_the_child_goes_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    with parent:
        pid = int(parent.stdout.readline())
        assert state_of(pid) in ("S", "R")
        parent.kill()
    wait_until(lambda: state_of(pid) in ("", "Z"), timeout_s=5)


def test_a_child_that_hangs_without_its_parent_ends_by_the_clock() -> None:
    """Half a request is sent and the channel kept open: nothing but the clock can end it."""
    ours, theirs = socket.socketpair()
    arena = os.memfd_create("arena")
    os.ftruncate(arena, 4096)
    numbers = (arena, 4096, 2 << 30, 64_000_000, 0.1)
    with theirs, ours:
        child = subprocess.Popen(
            [sys.executable, "-I", str(decoder.CHILD), *map(str, numbers)],
            stdin=theirs.fileno(),
            pass_fds=[arena],
        )
        os.close(arena)
        assert ours.recv(64)
        ours.sendall(b"\0\0\0\xff\0\0\0\xff")
        assert child.wait(10) == -signal.SIGALRM
