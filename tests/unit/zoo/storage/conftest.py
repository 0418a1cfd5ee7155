"""A blob store in a folder of its own, and a disk that is soon full."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disks import SmallDisk, small_disk_at
from zoo.storage.blobs import LocalBlobs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> LocalBlobs:
    return LocalBlobs(root)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk_at(tmp_path / "disk") as disk:
        yield disk
