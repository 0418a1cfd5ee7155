import itertools
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from zoo.errors import InvalidError, UnavailableError
from zoo.images.sources import remote
from zoo.images.sources.entries import FoundFile, Wanted
from zoo.images.sources.remote import RemoteFolder

FILES = {"b/2.jpg": b"22", "a.jpg": b"1", "b/10.jpg": b"10", "b.jpg": b"b", "c/d/e.jpg": b""}
numbers = itertools.count(1)


@pytest.fixture
def url() -> Iterator[str]:
    """A folder of fsspec's files in memory, which all share."""
    place = f"/source-{next(numbers)}"
    files = fsspec.filesystem("memory")
    for path, content in FILES.items():
        files.pipe_file(f"{place}/{path}", content)
    yield f"memory:/{place}"
    files.rm(place, recursive=True)


@pytest.fixture
def folder(url: str, tmp_path: Path) -> RemoteFolder:
    return RemoteFolder(url, spool=tmp_path / "tmp")


def put(url: str, path: str, content: bytes = b"") -> None:
    fsspec.filesystem("memory").pipe_file(f"{url.removeprefix('memory:/')}/{path}", content)


def test_files_come_in_order_and_a_walk_goes_on_after_any(folder: RemoteFolder) -> None:
    entries = list(folder.walk(after=""))
    assert [entry.name for entry in entries] == [
        "a.jpg",
        "b/10.jpg",
        "b/2.jpg",
        "b.jpg",
        "c/d/e.jpg",
    ]
    for number, entry in enumerate(entries):
        assert list(folder.walk(after=entry.position)) == entries[number + 1 :]


def test_a_file_and_a_folder_of_one_name_are_both_walked_over(
    folder: RemoteFolder, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = url.removeprefix("memory:/")
    plain = folder._files.ls

    def ls(path: str, *, detail: bool) -> list[object]:
        file = {"name": f"{root}/b", "size": 1, "type": "file", "created": "now"}
        return [*plain(path, detail=detail), *([file] if path == root else [])]

    monkeypatch.setattr(folder._files, "ls", ls)  # memory cannot have both, a bucket can
    entries = list(folder.walk(after=""))
    assert [entry.name for entry in entries][:4] == ["a.jpg", "b", "b/10.jpg", "b/2.jpg"]
    for number, entry in enumerate(entries):
        assert list(folder.walk(after=entry.position)) == entries[number + 1 :]


def test_hidden_files_are_passed_over(folder: RemoteFolder, url: str) -> None:
    for path in (".hidden/a.jpg", "__MACOSX/a.jpg", "b/.DS_Store"):
        put(url, path)
    assert len(list(folder.walk(after=""))) == len(FILES)


def test_files_are_read_in_order_however_many_at_a_time(
    folder: RemoteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [entry.file for entry in folder.walk(after="")]
    wanted = [Wanted(file=one, limit=100) for one in found if isinstance(one, FoundFile)]
    for at_once, n_bytes in ((16, 100), (2, 100), (16, 1)):
        monkeypatch.setattr(remote, "READ_AT_ONCE", at_once)
        monkeypatch.setattr(remote, "BYTES_AT_ONCE", n_bytes)
        assert list(folder.read_all(wanted)) == [b"1", b"10", b"22", b"b", b""]


def test_only_as_much_is_fetched_as_is_wanted(folder: RemoteFolder) -> None:
    assert folder.read(folder.find("b/10.jpg"), 1) == b"1"


def test_a_file_that_is_gone_is_told_alone(folder: RemoteFolder) -> None:
    there = folder.find("a.jpg")
    gone = FoundFile(path="gone.jpg", size_bytes=3, stamp="")
    first, second = folder.read_all([Wanted(file=gone, limit=9), Wanted(file=there, limit=9)])
    assert isinstance(first, InvalidError)
    assert (first.code, first.detail) == ("file_missing", "there is no such file")
    assert second == b"1"
    with pytest.raises(InvalidError) as caught:
        folder.find("b")
    assert caught.value.code == "not_a_file"


def test_the_stamp_changes_with_the_file(folder: RemoteFolder, url: str) -> None:
    before = folder.find("a.jpg")
    put(url, "a.jpg", b"2")
    assert folder.find("a.jpg").stamp not in ("", before.stamp)


def test_a_file_that_takes_long_to_fetch_is_told_of_as_it_comes(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(url, "long.tar", b"x" * 1000)
    monkeypatch.setattr(remote, "BYTES_A_PART", 100)
    fed: list[None] = []
    folder = RemoteFolder(url, spool=tmp_path / "tmp", feed=lambda: fed.append(None))
    with folder.open("long.tar") as copy:
        assert copy.read() == b"x" * 1000
    assert len(fed) == 10


def test_what_is_read_as_a_whole_is_a_copy_that_goes_when_it_is_closed(
    folder: RemoteFolder, tmp_path: Path
) -> None:
    with folder.open("b/10.jpg") as copy:
        assert (copy.seek(1), copy.read()) == (1, b"0")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_nothing_far_away_is_referred_to(folder: RemoteFolder) -> None:
    assert folder.reference("a.jpg") is None
    assert folder.is_folder()


def test_a_store_that_does_not_answer_is_told(
    folder: RemoteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang_up(*_: object, **__: object) -> None:
        raise ConnectionResetError("the other side hung up")

    monkeypatch.setattr(folder._files, "ls", hang_up)
    with pytest.raises(UnavailableError) as caught:
        list(folder.walk(after=""))
    assert caught.value.code == "source_unavailable"
    assert caught.value.detail == "the source cannot be reached: the other side hung up"
