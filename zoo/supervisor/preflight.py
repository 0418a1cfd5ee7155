"""What must hold before anything is started, each with the sentence to say when it does not."""

import ipaddress
import socket
import time
from importlib.util import find_spec

from zoo.errors import StartError
from zoo.settings import Settings

_NEEDED = (
    ("faiss", "pip install faiss-cpu"),
    ("torch", "pip install 'featurezoo[worker]'"),
)
_PORT_PATIENCE_S = 1.0  # a service killed a moment ago may still be letting go of its port


def check_configuration(settings: Settings) -> None:
    """Raise `StartError` for what no running process can be to blame for."""
    check_bind(settings.host)
    for module, remedy in _NEEDED:
        check_installed(module, remedy=remedy)


def check_bind(host: str) -> None:
    """Refuse an address that other machines can reach."""
    if not _is_loopback(host):
        raise StartError(
            f"binding to {host} would let anybody on the network in: it needs an API key, "
            "and this home has none; bind to 127.0.0.1"
        )


def check_installed(module: str, *, remedy: str) -> None:
    """Refuse to start without a package, found but not imported."""
    if find_spec(module) is None:
        raise StartError(f"{module} is not installed; get it with: {remedy}")


def check_port(host: str, port: int) -> None:
    """Refuse a port on which somebody else listens."""
    deadline = time.monotonic() + _PORT_PATIENCE_S
    while not _is_free(host, port):
        if time.monotonic() > deadline:
            raise StartError(
                f"port {port} is taken on {host}; stop what listens there "
                "or choose another with --port"
            )
        time.sleep(0.05)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise StartError(
                f"port {port} is not allowed for this user; choose one above 1023 with --port"
            ) from error
        except OSError:
            return False
    return True
