"""The blob store on a real disk."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.disks import SmallDisk
from zoo.errors import UnavailableError
from zoo.settings import Settings
from zoo.storage.blobs import LocalBlobs, file_sha256, open_blobs


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_bytes_are_put_without_a_file(blobs: LocalBlobs, root: Path) -> None:
    blobs.put_bytes("segments/a/b.npy", b"abc")
    assert blobs.read_range("segments/a/b.npy", 0, 3) == b"abc"
    assert files_under(root) == [root / "segments/a/b.npy"]


def test_content_is_flushed_before_it_gets_its_name(
    blobs: LocalBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order that survives a power cut: the file, its name, the folder that holds the name."""
    events: list[str] = []
    flush, rename = os.fsync, Path.replace

    def noted_flush(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        events.append(f"flush {'part' if path.name.startswith('.') else path.name}")
        flush(descriptor)

    def noted_rename(source: Path, target: Path) -> Path:
        events.append(f"name {target.name}")
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_flush)
    monkeypatch.setattr(Path, "replace", noted_rename)
    root.mkdir()
    blobs.put_bytes("packs/one", b"1")
    assert events == ["flush blobs", "flush part", "name one", "flush packs"]


WRITER = """
import sys
from pathlib import Path
from zoo.storage.blobs import LocalBlobs
blobs = LocalBlobs(Path(sys.argv[1]))
print("ready", flush=True)
for n in range(100_000):
    blobs.put_bytes(f"packs/{n}", bytes([n % 256]) * 500_000)
"""


def test_a_writer_killed_at_any_moment_leaves_whole_blobs_only(
    blobs: LocalBlobs, root: Path
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    with writer:
        assert writer.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 30
        while len(list(blobs.keys("packs/"))) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        writer.send_signal(signal.SIGKILL)
    keys = list(blobs.keys("packs/"))
    assert len(keys) >= 5
    for key in keys:
        value = int(key.removeprefix("packs/")) % 256
        assert blobs.local_path(key).read_bytes() == bytes([value]) * 500_000


def test_a_full_disk_is_told_and_nothing_is_left(small_disk: SmallDisk) -> None:
    blobs = LocalBlobs(small_disk.folder)
    with pytest.raises(UnavailableError) as caught:
        blobs.put_bytes("packs/one", bytes(2 << 20))
    assert caught.value.code == small_disk.code
    assert caught.value.detail == f"cannot store packs/one: {small_disk.reason}"
    assert files_under(small_disk.folder) == []


def test_a_file_from_another_file_system_is_put_whole_or_not_at_all(
    small_disk: SmallDisk, tmp_path: Path
) -> None:
    blobs = LocalBlobs(small_disk.folder)
    source = tmp_path / "spooled"
    source.write_bytes(b"1" * 1000)
    blobs.put("packs/one", source)
    assert not source.exists()
    with blobs.open("packs/one") as file:
        assert file.read() == b"1" * 1000
    assert files_under(small_disk.folder) == [small_disk.folder / "packs/one"]


def test_a_home_keeps_its_blobs_in_one_folder(settings: Settings) -> None:
    open_blobs(settings).put_bytes("packs/one", b"1")
    assert (settings.home / "blobs/packs/one").read_bytes() == b"1"


def test_the_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(path) == expected
