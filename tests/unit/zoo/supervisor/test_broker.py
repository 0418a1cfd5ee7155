import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.errors import StartError
from zoo.settings import Settings
from zoo.supervisor import broker


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "run" / "broker").mkdir(parents=True)
    (tmp_path / "logs").mkdir()
    return Settings(home=tmp_path)


def test_it_answers_on_its_socket_and_a_leftover_is_shut_down_before_the_next(
    settings: Settings, eventually: Callable[..., bool]
) -> None:
    path = settings.runtime_dir / broker.SOCKET
    leftover = subprocess.Popen(broker.broker_command(settings))
    assert eventually(lambda: broker.is_answering(path))

    broker.stop_leftover(path)

    assert leftover.wait(5) == 0
    assert not path.exists()


def test_a_stale_socket_is_removed(settings: Settings) -> None:
    path = settings.runtime_dir / broker.SOCKET
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))

    broker.stop_leftover(path)

    assert not path.exists()


def test_a_server_on_the_path_comes_before_the_one_in_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = tmp_path / "redis-server"
    server.touch(mode=0o755)

    monkeypatch.setenv("PATH", str(tmp_path))

    assert broker.find_binary() == server


def test_without_any_server_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(broker, "find_spec", lambda _name: None)

    with pytest.raises(StartError) as caught:
        broker.find_binary()

    assert caught.value.detail == (
        "no valkey-server or redis-server was found; install one, or set ZOO_BROKER_URL"
    )
