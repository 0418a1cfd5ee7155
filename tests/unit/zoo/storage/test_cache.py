"""Copies of remote blobs: fetched once, verified, thrown away when there are too many."""

import os
import time
from pathlib import Path

import pytest

from tests.disks import SmallDisk
from zoo.errors import UnavailableError
from zoo.storage.cache import IN_USE_S, BlobCache


class Source:
    """Blobs to copy; counts how often each was fetched."""

    def __init__(self) -> None:
        self.fetched: list[str] = []

    def read(self, cache: BlobCache, key: str, size: int = 10) -> Path:
        def fetch(target: Path) -> None:
            self.fetched.append(key)
            target.write_bytes(key[-1].encode() * size)

        return cache.path(key, fetch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def idle(path: Path, seconds: float) -> None:
    """Let a copy look as if nobody had asked for it for so long."""
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


def files_under(folder: Path) -> list[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.parent.as_posix() for path in paths)


def test_a_blob_is_fetched_once_and_for_every_process(folder: Path) -> None:
    source = Source()
    caches = [BlobCache(folder, max_bytes=1000) for _ in range(2)]
    for cache in (*caches, *caches):
        assert source.read(cache, "packs/a").read_bytes() == b"a" * 10
    assert source.fetched == ["packs/a"]


def test_a_copy_that_has_changed_is_fetched_again(folder: Path) -> None:
    source = Source()
    source.read(BlobCache(folder, max_bytes=1000), "packs/a").write_bytes(b"b" * 10)
    assert source.read(BlobCache(folder, max_bytes=1000), "packs/a").read_bytes() == b"a" * 10
    assert source.fetched == ["packs/a", "packs/a"]


def test_what_was_not_used_for_longest_goes_first(folder: Path) -> None:
    source, cache = Source(), BlobCache(folder, max_bytes=25)
    for age, key in ((300, "packs/a"), (200, "packs/b")):
        idle(source.read(cache, key), age)
    source.read(cache, "packs/a")
    idle(source.read(cache, "packs/a"), 100)
    source.read(cache, "packs/c")
    assert files_under(folder) == ["packs/a", "packs/c"]
    source.read(cache, "packs/b")
    assert source.fetched == ["packs/a", "packs/b", "packs/c", "packs/b"]


def test_what_was_asked_for_just_now_stays_whatever_its_size(folder: Path) -> None:
    source, cache = Source(), BlobCache(folder, max_bytes=1)
    first = source.read(cache, "packs/a")
    source.read(cache, "packs/b")
    assert first.exists()
    idle(first, IN_USE_S + 1)
    source.read(cache, "packs/c")
    assert not first.exists()


def test_a_fetch_that_fails_leaves_nothing(folder: Path) -> None:
    def fail(target: Path) -> None:
        target.write_bytes(b"half")
        raise UnavailableError("the other half did not come")

    with pytest.raises(UnavailableError, match="the other half did not come"):
        BlobCache(folder, max_bytes=1000).path("packs/a", fail)
    assert files_under(folder) == []


def test_a_full_disk_is_told(small_disk: SmallDisk) -> None:
    cache = BlobCache(small_disk.folder, max_bytes=1 << 30)
    with pytest.raises(UnavailableError) as caught:
        Source().read(cache, "packs/a", size=2 << 20)
    assert caught.value.code == small_disk.code
    assert caught.value.detail == f"cannot store a copy of packs/a: {small_disk.reason}"
    assert files_under(small_disk.folder) == []


def test_forgetting_is_repeatable(folder: Path) -> None:
    cache = BlobCache(folder, max_bytes=1000)
    Source().read(cache, "packs/a")
    cache.forget("packs/a")
    cache.forget("packs/a")
    assert not (folder / "packs/a").exists()
