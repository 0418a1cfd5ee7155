import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil
import pytest


class Service(Protocol):
    home: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def start(self, **more: str) -> None: ...
    def environment(self, **more: str) -> dict[str, str]: ...
    def options(self) -> list[str]: ...
    def said(self) -> str: ...
    def is_ready(self) -> bool: ...
    def pid(self) -> int: ...
    def family(self) -> list[psutil.Process]: ...
    def wait(self, timeout_s: float) -> int: ...


Eventually = Callable[..., bool]
NoneLeft = Callable[[list[psutil.Process]], bool]


def whole_family(service: Service) -> bool:
    """Five processes, four of which have forked a child."""
    return len(service.family()) == 9


def test_sigterm_ends_everything_in_order_within_15_s(
    service: Service, eventually: Eventually, none_left: NoneLeft
) -> None:
    service.start()
    assert eventually(lambda: service.is_ready() and whole_family(service)), service.said()
    family = service.family()

    os.kill(service.pid(), signal.SIGTERM)

    assert service.wait(15) == 0
    assert (service.home / "stopped").read_text() == "api worker keeper predictor "
    assert none_left(family)
    assert "FeatureZoo has stopped" in service.said()


def test_it_says_where_it_listens_its_version_its_home_and_how_to_stop_it(
    service: Service, eventually: Eventually
) -> None:
    service.start()

    assert eventually(service.is_ready), service.said()
    assert service.said() == (
        f"FeatureZoo 0.1.0 listens on http://127.0.0.1:{service.port}\n"
        f"home: {service.home}\n"
        "stop it with Ctrl-C\n"
    )


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["itself", "its group"])
def test_a_killed_one_leaves_nothing_and_the_next_is_ready_within_5_s(
    kill: Callable[[int, int], None],
    service: Service,
    eventually: Eventually,
    none_left: NoneLeft,
) -> None:
    service.start()
    assert eventually(lambda: service.is_ready() and whole_family(service)), service.said()
    family = service.family()

    kill(service.pid(), signal.SIGKILL)
    service.wait(5)
    killed_at = time.monotonic()
    service.start()

    assert eventually(service.is_ready), service.said()
    assert time.monotonic() - killed_at < 5
    assert none_left(family)


def test_a_process_that_dies_is_reported_and_started_again(
    service: Service, eventually: Eventually
) -> None:
    service.start()
    assert eventually(lambda: service.is_ready() and whole_family(service)), service.said()
    note = service.home / "keeper.pid"
    first = int(note.read_text())

    os.kill(first, signal.SIGKILL)

    assert eventually(lambda: note.read_text() not in ("", str(first)))
    assert '"name": "keeper", "reason": "signal SIGKILL", "again_in_s": 0.2' in service.said()
    assert eventually(lambda: whole_family(service))


def test_a_dead_broker_comes_back(service: Service, eventually: Eventually) -> None:
    service.start()
    assert eventually(service.is_ready), service.said()

    def broker() -> int:
        return next((p.pid for p in service.family() if "valkey-server" in p.name()), 0)

    first = broker()
    os.kill(first, signal.SIGKILL)

    assert eventually(lambda: broker() not in (0, first))


def test_a_second_one_on_a_live_home_is_refused(service: Service, eventually: Eventually) -> None:
    service.start()
    assert eventually(service.is_ready), service.said()

    second = subprocess.run(
        [sys.executable, "-m", "zoo.cli", "up", *service.options()],
        env=service.environment(),
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert second.returncode == 2
    assert second.stderr == (
        f"zoo: the home {service.home} is in use by process {service.pid()}; "
        "stop that one or choose another --home\n"
    )


def test_a_part_that_cannot_start_as_configured_ends_it_with_its_name(service: Service) -> None:
    (service.folder / "fake_api.py").write_text("raise SystemExit(2)\n")

    service.start()

    assert service.wait(15) == 2
    assert "zoo: the api cannot start: it ended with exit code 2\n" in service.said()


def test_a_gpu_that_is_asked_for_and_not_there_is_said_before_anything_starts(
    service: Service,
) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "zoo.cli", "up", *service.options()],
        env=service.environment(ZOO_DEVICE="cuda", CUDA_VISIBLE_DEVICES=""),
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert refused.returncode == 2
    assert refused.stderr.startswith("zoo: ZOO_DEVICE is 'cuda', and no GPU is to be seen here")
    assert not service.home.exists()


def test_a_second_ctrl_c_ends_a_stubborn_part_at_once(
    service: Service, eventually: Eventually, none_left: NoneLeft
) -> None:
    service.start(STUBBORN="worker")
    assert eventually(lambda: service.is_ready() and whole_family(service)), service.said()
    family = service.family()

    os.kill(service.pid(), signal.SIGINT)
    assert eventually(lambda: "api" in _read(service.home / "stopped"))
    asked_at = time.monotonic()
    os.kill(service.pid(), signal.SIGINT)

    assert service.wait(5) == 0
    assert time.monotonic() - asked_at < 2
    assert none_left(family)


def test_a_stubborn_part_is_killed_within_15_s(
    service: Service, eventually: Eventually, none_left: NoneLeft
) -> None:
    service.start(STUBBORN="api")
    assert eventually(lambda: service.is_ready() and whole_family(service)), service.said()
    family = service.family()

    os.kill(service.pid(), signal.SIGTERM)

    assert service.wait(15) == 0
    assert none_left(family)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
