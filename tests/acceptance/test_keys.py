"""A service that other machines could reach, with keys made and revoked while it runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live import LiveService, RefusedError, eventually, run_zoo


def make_key(home: Path, scope: str) -> dict[str, str]:
    made = run_zoo(
        "key", "create", "--name", scope, "--scope", scope, "--home", str(home), "--json"
    )
    assert made.returncode == 0, made.stderr
    return dict(json.loads(made.stdout))


def status_of(service: LiveService, key: str) -> int:
    try:
        return service.request("GET", "/v1/models", Authorization=f"Bearer {key}")[0]
    except RefusedError as error:
        return error.status


def soon(holds: Callable[[], bool]) -> None:
    """A key is read anew each second; a busy machine may take a few."""
    eventually(holds, timeout_s=5, what="the key's change is not noticed")


@pytest.mark.slow
def test_keys_open_and_close_a_service_beyond_loopback(service: LiveService) -> None:
    first = make_key(service.home, "admin")
    service.start("--host", "0.0.0.0")
    with pytest.raises(RefusedError) as refused:
        service.get("/v1/models")
    assert refused.value.status == 401
    assert status_of(service, first["key"]) == 200

    second = make_key(service.home, "read")
    soon(lambda: status_of(service, second["key"]) == 200)
    run_zoo("key", "revoke", second["id"], "--home", str(service.home))
    soon(lambda: status_of(service, second["key"]) == 401)

    url = f"http://127.0.0.1:{service.port}"
    refused_command = run_zoo("models", "--url", url)
    assert (refused_command.returncode, refused_command.stderr) == (
        1,
        "zoo: this service asks for an API key, sent as 'Authorization: Bearer KEY'; "
        "give one with --key or ZOO_KEY\n",
    )
    listed = run_zoo("models", "--url", url, "--json", ZOO_KEY=first["key"])
    assert json.loads(listed.stdout)["data"]
    assert first["key"].rpartition("_")[2] not in service.said()
    rows = json.loads(run_zoo("key", "list", "--home", str(service.home), "--json").stdout)["data"]
    assert rows[0]["last_used_at"]
    assert service.stop()[0] == 0


def test_the_first_key_closes_a_service_that_was_open(service: LiveService) -> None:
    service.start()
    assert service.get("/v1/models")["object"] == "list"
    key = make_key(service.home, "read")["key"]
    soon(lambda: status_of(service, "none") == 401)
    assert status_of(service, key) == 200
    assert service.is_ready()
