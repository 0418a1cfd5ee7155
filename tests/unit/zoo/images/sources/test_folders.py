import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from zoo.errors import InvalidError
from zoo.images.archives import FailedMember
from zoo.images.sources import folders
from zoo.images.sources.entries import Entry, FoundFile
from zoo.images.sources.folders import LocalFolder

LINK = "it is a link or a special file; links are not followed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for path in ("b/2.jpg", "b/10.jpg", "a.jpg", "c/d/e.jpg", "b.jpg", "a/x.jpg"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def walk(folder: Path, *, after: str = "") -> list[Entry]:
    return list(LocalFolder(folder, ()).walk(after=after))


def names(entries: list[Entry]) -> list[str]:
    return [entry.name for entry in entries]


def failures(entries: list[Entry]) -> list[tuple[str, str, str]]:
    return [
        (entry.file.name, entry.file.code, entry.file.detail)
        for entry in entries
        if isinstance(entry.file, FailedMember)
    ]


def test_files_come_folder_by_folder_in_order_of_names(folder: Path) -> None:
    assert names(walk(folder)) == [
        "a/x.jpg",
        "a.jpg",
        "b/10.jpg",
        "b/2.jpg",
        "b.jpg",
        "c/d/e.jpg",
    ]


def test_a_walk_goes_on_after_any_file(folder: Path) -> None:
    entries = walk(folder)
    for number, entry in enumerate(entries):
        assert walk(folder, after=entry.position) == entries[number + 1 :]


def test_a_walk_goes_on_where_the_last_file_was_deleted(folder: Path) -> None:
    entries = walk(folder)
    (folder / "b/10.jpg").unlink()
    assert walk(folder, after=entries[2].position) == entries[3:]


def test_a_long_folder_is_listed_in_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "NAMES_AT_ONCE", 7)
    for number in range(50):
        (tmp_path / f"{number:02}.jpg").touch()
    entries = walk(tmp_path)
    assert names(entries) == [f"{number:02}.jpg" for number in range(50)]
    assert walk(tmp_path, after=entries[20].position) == entries[21:]


def test_hidden_files_are_passed_over(folder: Path) -> None:
    (folder / ".hidden").mkdir()
    (folder / ".hidden/a.jpg").touch()
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX/a.jpg").touch()
    (folder / "a/.DS_Store").touch()
    assert len(walk(folder)) == 6


def test_links_and_special_files_are_refused_and_nothing_behind_them_is_met(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.jpg").touch()
    (folder / "out").symlink_to(tmp_path / "outside")
    (folder / "secret.jpg").symlink_to(tmp_path / "outside/secret.jpg")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    found = walk(folder)
    assert failures(found) == [
        (name, "not_a_file", LINK) for name in ("loop", "out", "pipe", "secret.jpg")
    ]
    assert len(found) == 10


def test_a_device_is_no_file() -> None:
    with pytest.raises(InvalidError) as caught:
        LocalFolder(Path("/dev"), ()).find("null")
    assert caught.value.code == "not_a_file"


def test_a_name_that_is_not_utf8_is_told_and_passed(tmp_path: Path) -> None:
    (tmp_path / "z.jpg").touch()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).touch()
    entries = walk(tmp_path)
    assert failures(entries) == [
        ("caf\\udce9.jpg", "unusable_name", "its name is not UTF-8; rename it")
    ]
    assert names(walk(tmp_path, after=entries[0].position)) == ["z.jpg"]


def test_a_path_that_no_index_holds_is_told(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["x" * 200] * 5)
    folder.mkdir(parents=True)
    [(_, code, detail)] = failures(walk(tmp_path))
    assert code == "unusable_name"
    assert detail == "its path below the source has 1004 bytes; at most 1000 are kept"


def test_names_with_any_other_letter_are_kept(tmp_path: Path) -> None:
    given = {"ä ö.jpg", "%41.jpg", "a\nb.jpg", "日本.jpg", "q?#.jpg"}
    for name in given:
        (tmp_path / name).touch()
    entries = walk(tmp_path)
    assert set(names(entries)) == given
    for number, entry in enumerate(entries):
        assert walk(tmp_path, after=entry.position) == entries[number + 1 :]


def test_folders_too_deep_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MAX_DEPTH", 2)
    (tmp_path / "a/b/c/d").mkdir(parents=True)
    assert failures(walk(tmp_path)) == [
        ("a/b/c", "file_unreadable", "it lies deeper than 2 folders")
    ]


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    (tmp_path / "z.jpg").touch()
    script = (
        "import os, sys; from pathlib import Path\n"
        "from zoo.images.sources.folders import LocalFolder\n"
        "found = LocalFolder(Path(sys.argv[1]), ())\n"
        "list(found.walk(after=''))  # everything is imported now\n"
        "os.setuid(65534)\n"
        "print([getattr(one.file, 'code', '') for one in found.walk(after='')])\n"
    )
    if os.getuid() == 0:
        for parent in (tmp_path, *tmp_path.parents[:-2]):
            parent.chmod(0o755)
        command = [sys.executable, "-c", script, str(tmp_path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        assert ended.stdout.strip() == "['file_unreadable', '']"
    else:
        assert [code for _, code, _ in failures(walk(tmp_path))] == ["file_unreadable"]


def test_a_file_is_read_as_it_was_found(folder: Path) -> None:
    place = LocalFolder(folder, ())
    found = place.find("a/x.jpg")
    assert (place.read(found, 100), place.read(found, 3)) == (b"a/x.jpg", b"a/x")
    (folder / "a/x.jpg").write_bytes(b"something else")
    with pytest.raises(InvalidError) as caught:
        place.read(found, 100)
    assert caught.value.code == "file_changed"
    assert caught.value.detail == "the file changed while it was read; try again"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("a/none.jpg", "file_missing"),
        ("none/x.jpg", "file_missing"),
        ("a.jpg/x.jpg", "file_missing"),
        ("a", "not_a_file"),
        ("link.jpg", "not_a_file"),
        ("linked/x.jpg", "file_missing"),
    ],
)
def test_what_is_no_plain_file_is_not_found(folder: Path, path: str, code: str) -> None:
    (folder / "link.jpg").symlink_to("a.jpg")
    (folder / "linked").symlink_to("a")
    with pytest.raises(InvalidError) as caught:
        LocalFolder(folder, ()).find(path)
    assert caught.value.code == code


def test_the_stamp_changes_with_the_file(folder: Path) -> None:
    place = LocalFolder(folder, ())
    before = place.find("a.jpg")
    os.utime(folder / "a.jpg", ns=(0, 12345))
    assert place.find("a.jpg") == FoundFile(path="a.jpg", size_bytes=5, stamp="12345") != before


def test_a_folder_leaves_no_descriptor_open(folder: Path) -> None:
    place = LocalFolder(folder, ())
    list(place.walk(after=""))
    before = len(list(Path("/proc/self/fd").iterdir()))
    entries = place.walk(after="")
    next(entries)
    del entries
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.slow
def test_a_long_walk_holds_neither_the_files_nor_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "NAMES_AT_ONCE", 1000)
    for number in range(20_000):
        (tmp_path / f"{number:05}-with-a-name-of-some-length.jpg").touch()
    tracemalloc.start()
    n_files = sum(1 for _ in LocalFolder(tmp_path, ()).walk(after=""))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_files == 20_000
    assert peak < 1_000_000
