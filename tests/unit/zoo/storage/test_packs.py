"""Packs: contents in, their places out, all durable or nothing left."""

import hashlib
from collections import deque
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.disks import SmallDisk
from zoo.catalog import Catalog, contents
from zoo.catalog.records import ContentRecord
from zoo.errors import DamagedError, UnavailableError
from zoo.settings import Settings
from zoo.storage.blobs import LocalBlobs
from zoo.storage.packs import PackedContent, PackWriter, open_packs, read_content

EMPTY = ContentRecord(sha256="", pack_key="", offset=0, size_bytes=0, width=None, height=None)


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def record(content: PackedContent) -> ContentRecord:
    return replace(EMPTY, **asdict(content))


def writer_to(blobs: LocalBlobs, folder: Path, *, pack_bytes: int = 1 << 20) -> PackWriter:
    return PackWriter(
        blobs, spool=folder / "spool", pack_bytes=pack_bytes, find_stored=lambda _: ()
    )


def test_contents_are_read_again_from_their_places(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path) as writer:
        first, second = writer.add(b"first"), writer.add(b"second")
        written = writer.commit()
    assert written.packs == {first.pack_key: 11}
    assert written.contents == [record(first), record(second)]
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
        written = writer.commit()
    assert places[2] == places[0]
    assert list(written.packs.values()) == [len(b"sameotherlast")]
    assert len(written.contents) == 3
    assert read_content(blobs, record(places[3])) == b"last"


def test_a_discarded_part_takes_no_room(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path) as writer:
        part = writer.begin()
        part.write(b"unwanted")
        part.discard()
        content = writer.add(b"wanted")
        written = writer.commit()
    assert (content.offset, written.packs) == (0, {content.pack_key: 6})


def test_packs_are_split_at_their_size(blobs: LocalBlobs, tmp_path: Path) -> None:
    given = [bytes([n]) * 400 for n in range(7)]
    with writer_to(blobs, tmp_path, pack_bytes=1000) as writer:
        places = [writer.add(content) for content in given]
        written = writer.commit()
    assert list(written.packs.values()) == [1200, 1200, 400]
    assert [read_content(blobs, record(place)) for place in places] == given


def test_nothing_added_is_nothing_written(blobs: LocalBlobs, tmp_path: Path) -> None:
    with writer_to(blobs, tmp_path) as writer:
        writer.begin().discard()
        written = writer.commit()
    assert (written.packs, written.contents) == ({}, [])
    assert files_under(tmp_path) == []


def test_what_is_stored_already_is_left_out(blobs: LocalBlobs, tmp_path: Path) -> None:
    stored = hashlib.sha256(b"stored").hexdigest()
    writer = PackWriter(
        blobs, spool=tmp_path / "spool", pack_bytes=1 << 20, find_stored=lambda _: {stored}
    )
    with writer:
        deque(map(writer.add, (b"first", b"stored", b"second")), maxlen=0)
        written = writer.commit()
    assert list(written.packs.values()) == [len(b"firstsecond")]
    assert [read_content(blobs, one) for one in written.contents] == [b"first", b"second"]
    assert files_under(tmp_path / "spool") == []


def test_a_pack_of_which_all_is_stored_is_never_written(blobs: LocalBlobs, tmp_path: Path) -> None:
    writer = PackWriter(blobs, spool=tmp_path, pack_bytes=1 << 20, find_stored=lambda given: given)
    with writer:
        writer.add(b"stored")
        written = writer.commit()
    assert (written.packs, written.contents) == ({}, [])
    assert files_under(tmp_path) == []


def test_of_many_at_once_only_what_is_nowhere_yet_is_written(
    blobs: LocalBlobs, tmp_path: Path
) -> None:
    given = [b"first", b"stored", b"first", b"second"]
    stored = hashlib.sha256(b"stored").hexdigest()
    asked: list[frozenset[str]] = []

    def find_stored(sha256s: Collection[str]) -> Collection[str]:
        asked.append(frozenset(sha256s))
        return {stored}

    writer = PackWriter(blobs, spool=tmp_path / "spool", pack_bytes=6, find_stored=find_stored)
    with writer:
        sha256s = writer.add_all(given)
        assert writer.add_all([b"second"]) == sha256s[-1:]
        spooled = b"".join(path.read_bytes() for path in files_under(tmp_path / "spool"))
        written = writer.commit()

    assert sha256s == [hashlib.sha256(content).hexdigest() for content in given]
    assert b"stored" not in spooled
    assert asked == [frozenset(sha256s), {sha256s[0], sha256s[-1]}]
    assert [read_content(blobs, one) for one in written.contents] == [b"first", b"second"]


def test_a_database_that_does_not_answer_leaves_nothing(blobs: LocalBlobs, tmp_path: Path) -> None:
    def find_stored(_: object) -> frozenset[str]:
        raise UnavailableError("the database does not answer", code="database_unavailable")

    writer = PackWriter(blobs, spool=tmp_path, pack_bytes=1, find_stored=find_stored)
    with writer:
        deque(map(writer.add, (b"first", b"second")), maxlen=0)
        with pytest.raises(UnavailableError):
            writer.commit()
    assert files_under(tmp_path) == []


def test_a_file_by_reference_is_no_reason_not_to_store_its_bytes(
    blobs: LocalBlobs, catalog: Catalog, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    contents_of = {b"kept": "packs/old", b"lying about": "ref:/pictures/a.jpg"}
    with catalog.write() as session:
        pack_ids = contents.add_packs(session, dict.fromkeys(contents_of.values(), 1))
        places = [
            replace(EMPTY, sha256=hashlib.sha256(content).hexdigest(), pack_key=key)
            for content, key in contents_of.items()
        ]
        contents.add_contents(session, places, pack_ids=pack_ids)
    with open_packs(catalog, blobs, settings) as writer:
        deque(map(writer.add, (b"kept", b"lying about", b"new")), maxlen=0)
        written = writer.commit()
    assert [read_content(blobs, one) for one in written.contents] == [b"lying about", b"new"]


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
    writer = PackWriter(
        blobs, spool=small_disk.folder, pack_bytes=1 << 30, find_stored=lambda _: ()
    )
    given = (bytes([n % 256, n // 256]) * 5_000 for n in range(300))
    with writer, pytest.raises(UnavailableError) as caught:
        deque(map(writer.add, given), maxlen=0)
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
