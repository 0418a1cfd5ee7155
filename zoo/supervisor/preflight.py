"""What must hold before anything is started, each with the sentence to say when it does not."""

import shlex
import socket
import time
from importlib import import_module
from importlib.util import find_spec

import limits

from zoo.errors import StartError, ZooError
from zoo.settings import Settings
from zoo.storage.blobs import storage_protocol

_PORT_PATIENCE_S = 1.0  # a service killed a moment ago may still be letting go of its port


def check_configuration(settings: Settings) -> None:
    """Raise `StartError` for what no running process can be to blame for."""
    check_bind(settings)
    check_database(settings)
    check_storage(settings)
    check_rate_limit(settings)


def check_rate_limit(settings: Settings) -> None:
    """Refuse a limit on requests that says no rate."""
    try:
        if settings.rate_limit:
            limits.parse(settings.rate_limit)
    except ValueError as error:
        raise StartError(
            f"ZOO_RATE_LIMIT is {settings.rate_limit!r}; it should be a number and a time, "
            "as 600/minute"
        ) from error


def check_bind(settings: Settings) -> None:
    """Refuse an address that other machines can reach, unless an API key guards it."""
    if not settings.is_loopback and not _has_key(settings):
        home = shlex.quote(str(settings.home))
        raise StartError(
            f"binding to {settings.host} would let anybody on the network in: it needs an API "
            "key, and this home has none; bind to 127.0.0.1, or make a key with: "
            f"zoo key create --name NAME --scope submit --home {home}"
        )


def check_database(settings: Settings) -> None:
    """Refuse PostgreSQL without its driver, before a process is started that would need it."""
    if settings.database_url.startswith("postgres"):
        check_installed("psycopg", remedy="pip install 'featurezoo[postgres]'")


def check_storage(settings: Settings) -> None:
    """Refuse a place for files that does not parse, or that needs a package which is not here."""
    protocol = storage_protocol(settings)
    if protocol not in ("", "file"):
        check_installed("fsspec", remedy="pip install 'featurezoo[s3]'")
    if protocol == "s3":
        check_installed("s3fs", remedy="pip install 'featurezoo[s3]'")


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


def _has_key(settings: Settings) -> bool:
    # By name: only this start needs the catalog, which takes long to import.
    keys = import_module("zoo.catalog.keys")
    try:
        return bool(keys.has_working_key(settings.resolved_database_url))
    except ZooError as error:
        raise StartError(f"cannot look for an API key: {error.detail}") from error


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
