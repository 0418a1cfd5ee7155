import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import venv
from argparse import Namespace
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

import dev
from workshop import environment, service, tools
from workshop.errors import CannotError

ROOT = Path(dev.__file__).parent
RECORD = "torch/__init__.py,sha256=x,5\ntorch/__pycache__/x.pyc,,\ntorch-2.0.dist-info/RECORD,,\n"


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose `.venv` is bare and whose installer only notes what it was asked."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    folder = tmp_path / ".venv"
    for name, path in {
        "ROOT": tmp_path,
        "VENV": folder,
        "BIN": folder / "bin",
        "STAMP": folder / ".featurezoo-stamp",
        "STATE": tmp_path / ".zoo",
    }.items():
        monkeypatch.setattr(environment, name, path)
    venv.create(folder, symlinks=True)
    return tmp_path


@pytest.fixture
def commands(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    ran: list[str] = []

    def run(command: Sequence[str | Path], *, is_quiet: bool = False) -> int:
        del is_quiet
        ran.append(" ".join(str(part).removeprefix(f"{workshop}/") for part in command))
        return 0

    monkeypatch.setattr(environment, "run", run)
    (workshop / ".venv" / "bin" / "uv").touch()
    return ran


def install_command(extras: str) -> str:
    return f".venv/bin/uv pip install --compile-bytecode -e .[{extras}]"


def test_a_second_run_installs_nothing(commands: list[str]) -> None:
    environment.ensure_environment(("demo", "worker"))
    environment.ensure_environment(("demo", "worker"))

    assert commands == [install_command("demo,worker")]


def test_extras_only_grow(commands: list[str]) -> None:
    environment.ensure_environment(("dev", "worker"))
    environment.ensure_environment(("demo", "worker"))
    environment.ensure_environment(("worker",))

    assert commands == [install_command("dev,worker"), install_command("demo,dev,worker")]


def test_a_changed_pyproject_installs_again(commands: list[str], workshop: Path) -> None:
    environment.ensure_environment(("worker",))
    (workshop / "pyproject.toml").write_text("[project]\nname = 'new'\n")
    environment.ensure_environment(("worker",))

    assert commands == [install_command("worker")] * 2


def test_the_download_is_announced_before_it_begins_and_only_when_it_is_needed(
    commands: list[str], workshop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.ensure_environment(("worker",))
    announced = capsys.readouterr().out
    [packages] = workshop.glob(".venv/lib/python*/site-packages")
    (packages / "torch").mkdir()
    (packages / "torch" / "__init__.py").touch()
    environment.ensure_environment(("dev", "worker"))

    assert "about 5.6 GB" in announced
    assert "--torch-backend=cpu torch torchvision" in announced
    assert capsys.readouterr().out == ""
    assert len(commands) == 2


def test_an_interrupted_installation_is_noticed_and_repeated(
    commands: list[str], workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    whole_run = environment.run
    monkeypatch.setattr(environment, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        environment.ensure_environment(("worker",))
    [packages] = workshop.glob(".venv/lib/python*/site-packages")
    (packages / "torch").mkdir()
    (packages / "torch" / "__init__.py").write_text("cut")
    (packages / "torch-2.0.dist-info").mkdir()
    (packages / "torch-2.0.dist-info" / "RECORD").write_text(RECORD)
    monkeypatch.setattr(environment, "run", whole_run)

    environment.ensure_environment(("worker",))

    assert commands == [install_command("worker")]
    assert not (packages / "torch-2.0.dist-info").exists()


def test_a_whole_package_is_kept(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("whole")
    (tmp_path / "torch-2.0.dist-info").mkdir()
    (tmp_path / "torch-2.0.dist-info" / "RECORD").write_text(RECORD)

    environment.forget_damaged(tmp_path)

    assert (tmp_path / "torch-2.0.dist-info").is_dir()


def test_pip_does_it_when_uv_cannot(
    workshop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def run(command: Sequence[str | Path], *, is_quiet: bool = False) -> int:
        del is_quiet
        ran.append(Path(command[0]).name)
        return int(Path(command[0]).name == "uv")

    monkeypatch.setattr(environment, "run", run)
    (workshop / ".venv" / "bin" / "uv").touch()

    environment.ensure_environment(("worker",))

    assert ran == ["uv", "python"]
    assert "uv cannot install it here; trying with pip" in capsys.readouterr().out


def test_a_failed_installation_leaves_no_stamp(
    workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "run", lambda *_, **__: 1)

    with pytest.raises(CannotError, match="the installation failed; see above"):
        environment.ensure_environment(("worker",))

    assert environment.read_stamp() is None
    assert not (workshop / ".venv" / ".featurezoo-stamp").exists()


def test_children_write_bytecode_and_use_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")

    variables = environment.environment()

    assert "PYTHONDONTWRITEBYTECODE" not in variables
    assert variables["OMP_NUM_THREADS"] == "1"
    assert variables["PATH"].startswith(str(ROOT / ".venv" / "bin"))


def test_uv_s_cache_stays_where_it_is_when_it_can_link_from_there() -> None:
    beside = str(ROOT / ".zoo" / "cache")
    elsewhere = "/proc/self/uv"

    assert environment.uv_cache({"XDG_CACHE_HOME": beside}) == {}
    assert environment.uv_cache({"XDG_CACHE_HOME": elsewhere}) == {
        "UV_CACHE_DIR": str(ROOT / ".zoo" / "uv-cache")
    }
    assert environment.uv_cache({"UV_CACHE_DIR": elsewhere}) == {"UV_LINK_MODE": "copy"}


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert service.free_port(port) > port


def test_a_service_is_found_by_the_lock_that_it_holds(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    assert service.find_service(home) is None
    lock = home / "run" / "zoo.lock"
    lock.write_text("4711\n")
    assert service.find_service(home) is None

    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        other = service.Service(pid=1, url="http://127.0.0.1:1")
        ours = service.Service(pid=4711, url="http://127.0.0.1:8712")
        notes = home / "run" / "address.json"
        notes.write_text(json.dumps(vars(other)))
        assert service.find_service(home) == service.Service(pid=4711, url="http://127.0.0.1:8700")
        notes.write_text(json.dumps(vars(ours)))
        assert service.find_service(home) == ours


@pytest.fixture
def ready_url() -> Iterator[str]:
    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_ready_is_what_readyz_says(ready_url: str) -> None:
    assert service.is_ready(ready_url)
    assert not service.is_ready(f"{ready_url}/elsewhere")


def test_a_service_that_dies_early_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    log.write_text("one\nzoo: the broker does not start\n")
    with subprocess.Popen([sys.executable, "-c", ""]) as started:
        nowhere = service.Service(pid=started.pid, url="http://127.0.0.1:9")

        with pytest.raises(CannotError) as caught:
            service.wait_until_ready(nowhere, started, log)

    assert str(caught.value) == (
        f"the service does not start; {log} ends with\none\nzoo: the broker does not start"
    )


def test_ending_waits_until_the_process_is_gone() -> None:
    code = "import signal, time; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        service.end(started.pid)
        assert not service.is_alive(started.pid)
        service.end(started.pid)


def test_a_process_that_does_not_stop_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "STOP_PATIENCE_S", 0.2)
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        with pytest.raises(CannotError) as caught:
            service.end(started.pid)
        os.kill(started.pid, signal.SIGKILL)

    assert str(caught.value) == (
        f"process {started.pid} does not stop; end it with: kill -9 {started.pid}"
    )


SPREAD = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")


@pytest.mark.parametrize(
    ("given", "command"),
    [
        ([], ["-m", "not slow", *SPREAD, *dev.TEST_FOLDERS]),
        (["--all", "-x"], ["-m", "not matrix", *SPREAD, *dev.TEST_FOLDERS, "-x"]),
        (["--faults"], [*SPREAD, "tests/faults"]),
        (["tests/unit/test_dev.py::test_x"], ["-m", "not slow", "tests/unit/test_dev.py::test_x"]),
        (["-k", "head"], ["-m", "not slow", *SPREAD, *dev.TEST_FOLDERS, "-k", "head"]),
    ],
)
def test_what_is_given_to_test_goes_to_pytest(
    given: list[str], command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(dev, "ensure_environment", lambda _: None)
    monkeypatch.setattr(dev, "run", lambda asked: ran.append(asked[1:]))
    monkeypatch.setattr(dev, "ensure_compose", lambda: ran.append(["compose"]))
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    dev.test(dev.parse(["test", *given]))

    there = [part for part in command if part not in dev.TEST_FOLDERS or (ROOT / part).is_dir()]
    tools = [["compose"]] if "--all" in given else []
    assert ran == [*tools, ["-m", "pytest", *there]]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The programs of a machine on which root may install docker-compose."""
    found = {"docker", "apt-get"}

    def run(command: Sequence[str], *, is_quiet: bool = False) -> int:
        del is_quiet
        if command[:2] == ["apt-get", "install"]:
            found.add(command[-1])
        return int(command[0] == "docker")  # without the plugin it knows no compose

    monkeypatch.setattr(tools, "run", run)
    monkeypatch.setattr(tools.shutil, "which", lambda name: name if name in found else None)
    monkeypatch.setattr(tools.os, "geteuid", lambda: 0)
    return found


def test_compose_is_installed_where_that_is_allowed(
    programs: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    tools.ensure_compose()
    assert "docker-compose" in programs
    assert capsys.readouterr().out == ""


def test_compose_is_asked_for_where_it_is_not(
    programs: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tools.os, "geteuid", lambda: 1000)
    tools.ensure_compose()
    assert "docker-compose" not in programs
    assert capsys.readouterr().out == f"{tools.MISSING}\n"


def test_a_failed_check_fails_them_all_after_all_have_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev, "ensure_environment", lambda _: None)
    monkeypatch.setattr(dev, "run", lambda asked: int(asked[0].name == "lint-imports"))

    assert dev.check(Namespace()) == 1

    shown = capsys.readouterr().out
    assert "  failed  import-linter\n" in shown
    assert "  ok      house rules\n" in shown


def test_a_folder_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        dev.parse(["demo", "/nowhere/at/all"])

    assert "there is no folder /nowhere/at/all" in capsys.readouterr().err


def test_a_home_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").touch()

    ended = subprocess.run(
        [sys.executable, str(ROOT / "dev.py"), "stop", "--home", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stderr == f"dev.py: {tmp_path}/run/zoo.lock: Not a directory\n"


def test_it_needs_nothing_but_the_standard_library() -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(ROOT / "dev.py"), "stop", "--home", "/nowhere/at/all"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "no service runs on /nowhere/at/all\n"
