"""An S3 of one's own for the session, with a bucket for each test."""

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

import fsspec
import pytest

from tests.live import eventually, free_port


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A server that speaks S3; `environment` is what its clients need to find it."""

    url: str
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def bucket(self) -> str:
        """The URL of a new folder in a new bucket."""
        name = f"bucket-{next(self._numbers)}"
        files().mkdir(name)
        return f"s3://{name}/zoo"


def files() -> fsspec.AbstractFileSystem:
    """What stands in S3, seen past the store."""
    return fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server that ends with the block; in the environment meanwhile."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = S3Server(url=f"http://127.0.0.1:{port}")
    try:
        eventually(lambda: _listens(port), what="the S3 server does not start")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in server.environment.items():
                patch.setenv(name, value)
            yield server
    finally:
        running.kill()
        running.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
        return True
    return False
