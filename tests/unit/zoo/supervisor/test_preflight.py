import socket
from pathlib import Path

import pytest

from zoo.errors import StartError
from zoo.settings import Settings
from zoo.supervisor import preflight


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.0.1"])
def test_loopback_is_fine(host: str) -> None:
    preflight.check_bind(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_an_address_that_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(StartError) as caught:
        preflight.check_bind(host)

    assert caught.value.detail == (
        f"binding to {host} would let anybody on the network in: it needs an API key, "
        "and this home has none; bind to 127.0.0.1"
    )


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(StartError) as caught:
            preflight.check_port("127.0.0.1", port)

    assert caught.value.detail == (
        f"port {port} is taken on 127.0.0.1; stop what listens there or choose another with --port"
    )


def test_a_missing_package_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(preflight, "find_spec", lambda name: None if name == "faiss" else name)

    with pytest.raises(StartError) as caught:
        preflight.check_configuration(Settings(home=tmp_path))

    assert caught.value.detail == "faiss is not installed; get it with: pip install faiss-cpu"
