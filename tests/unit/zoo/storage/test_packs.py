"""Packs: contents in, their places out, all durable or nothing left."""

import hashlib
from collections import deque
from pathlib import Path

import pytest

from tests.disks import SmallDisk
from zoo.catalog.records import ContentRecord
from zoo.errors import DamagedError, UnavailableError
from zoo.storage.blobs import LocalBlobs
from zoo.storage.packs import PackedContent, PackWriter, WrittenPack, read_content


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def record(content: PackedContent) -> ContentRecord:
    return ContentRecord(
        sha256=content.sha256,
        pack_key=content.pack_key,
        offset=content.offset,
        size_bytes=content.size_bytes,
        width=None,
        height=None,
    )


def writer_to(blobs: LocalBlobs, folder: Path, *, pack_bytes: int = 1 << 20) -> PackWriter:
    return PackWriter(blobs, spool=folder / "spool", pack_bytes=pack_bytes)


def test_contents_are_read_again_from_their_places(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path) as writer:
        first, second = writer.add(b"first"), writer.add(b"second")
        (pack,) = writer.commit()
    assert pack == WrittenPack(key=first.pack_key, size_bytes=11)
    assert (first.offset, second.offset) == (0, 5)
    assert read_content(blobs, record(first)) == b"first"
    assert read_content(blobs, record(second)) == b"second"
    assert files_under(tmp_path / "spool") == []


def test_a_content_may_come_in_parts(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path) as writer:
        part = writer.begin()
        assert part.write(b"fir") == 3
        part.write(b"st")
        assert part.size_bytes == 5
        content = part.finish()
        writer.commit()
    assert content.sha256 == hashlib.sha256(b"first").hexdigest()
    assert read_content(blobs, record(content)) == b"first"


def test_the_same_bytes_are_stored_once(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path) as writer:
        places = [writer.add(content) for content in (b"same", b"other", b"same", b"last")]
        (pack,) = writer.commit()
    assert places[2] == places[0]
    assert pack.size_bytes == len(b"sameotherlast")
    assert read_content(blobs, record(places[3])) == b"last"


def test_a_discarded_part_takes_no_room(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path) as writer:
        part = writer.begin()
        part.write(b"unwanted")
        part.discard()
        content = writer.add(b"wanted")
        (pack,) = writer.commit()
    assert (content.offset, pack.size_bytes) == (0, 6)


def test_packs_are_split_at_their_size(blobs: LocalBlobs, tmp_path: Path) -> None:
    contents = [bytes([n]) * 400 for n in range(7)]
    with writer_to(blobs, tmp_path, pack_bytes=1000) as writer:
        places = [writer.add(content) for content in contents]
        packs = writer.commit()
    assert [pack.size_bytes for pack in packs] == [1200, 1200, 400]
    assert [read_content(blobs, record(place)) for place in places] == contents


def test_nothing_added_is_nothing_written(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path) as writer:
        writer.begin().discard()
        assert writer.commit() == ()
    assert files_under(tmp_path) == []


def test_what_is_not_committed_leaves_nothing(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path, pack_bytes=3) as writer:
        writer.add(b"first")
        writer.add(b"second")
        assert len(files_under(tmp_path)) == 2
    assert files_under(tmp_path) == []


def test_after_an_abort_the_same_bytes_are_stored_anew(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path) as writer:
        writer.add(b"first")
        writer.abort()
        content = writer.add(b"first")
        writer.commit()
    assert read_content(blobs, record(content)) == b"first"


def test_a_full_spool_is_told_and_emptied(blobs: LocalBlobs, small_disk: SmallDisk) -> None:
    writer = PackWriter(blobs, spool=small_disk.folder, pack_bytes=1 << 30)
    contents = (bytes([n % 256, n // 256]) * 5_000 for n in range(300))
    with writer, pytest.raises(UnavailableError) as caught:
        deque(map(writer.add, contents), maxlen=0)
    assert caught.value.code == small_disk.code
    assert caught.value.detail == f"cannot store the upload: {small_disk.reason}"
    assert files_under(small_disk.folder) == []


def test_a_pack_that_finds_no_room_takes_the_others_with_it(
    small_disk: SmallDisk, tmp_path: Path
) -> None:
    """Without a file system of its own, what is spooled has its room in the store already."""
    blobs = LocalBlobs(small_disk.folder / "blobs")
    if small_disk.code != "disk_full":
        return
    with writer_to(blobs, tmp_path, pack_bytes=1) as writer:
        for n in range(3):
            writer.add(bytes([n]) * 400_000)
        with pytest.raises(UnavailableError) as caught:
            writer.commit()
    assert caught.value.code == "disk_full"
    assert files_under(tmp_path) == []


def test_a_content_that_has_changed_is_damage(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path) as writer:
        writer.add(b"first")
        content = writer.add(b"second")
        writer.commit()
    path = blobs.local_path(content.pack_key)
    path.write_bytes(path.read_bytes().replace(b"cond", b"c0nd"))
    with pytest.raises(DamagedError) as caught:
        read_content(blobs, record(content))
    assert caught.value.detail == (
        f"content {content.sha256} is damaged in {content.pack_key} at byte 5"
    )
    path.write_bytes(b"first")
    with pytest.raises(DamagedError) as caught:
        read_content(blobs, record(content))
    assert caught.value.detail == f"{content.pack_key} ends at byte 5, before 11"
