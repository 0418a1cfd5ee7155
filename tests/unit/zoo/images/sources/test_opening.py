from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from zoo.errors import InvalidError
from zoo.images.archives import FailedMember
from zoo.images.sources.counting import Counted, count_entries
from zoo.images.sources.entries import Entry, FoundFile
from zoo.images.sources.opening import check_url, open_path, open_url
from zoo.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "root/cats").mkdir(parents=True)
    (tmp_path / "root/cats/a.jpg").write_bytes(b"a")
    (tmp_path / "root/cats/b.png").write_bytes(b"bb")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return load_settings(
        {},
        home=tmp_path / "home",
        allowed_roots=f"/nowhere:{tmp_path / 'root'}",
        allowed_urls="s3://bucket/photos, s3://other",
    )


@pytest.fixture
def root(settings: Settings) -> Path:
    return settings.allowed_root_folders[1]


def entries(path: Path, settings: Settings, *, after: str = "") -> list[Entry]:
    return list(open_path(str(path), settings).entries(after=after))


def refusal(path: str, settings: Settings) -> tuple[str, str]:
    with pytest.raises(InvalidError) as caught:
        open_path(path, settings)
    return caught.value.code, caught.value.detail


def test_a_folder_gives_its_files(root: Path, settings: Settings) -> None:
    assert [entry.name for entry in entries(root, settings)] == ["cats/a.jpg", "cats/b.png"]
    assert [entry.name for entry in entries(root / "cats", settings)] == ["a.jpg", "b.png"]


def test_one_file_gives_itself_once(root: Path, settings: Settings) -> None:
    [entry] = entries(root / "cats/a.jpg", settings)
    assert (entry.name, entry.position) == ("a.jpg", "a.jpg")
    assert entries(root / "cats/a.jpg", settings, after=entry.position) == []


def test_a_manifest_gives_what_it_names_from_its_own_folder(
    root: Path, settings: Settings
) -> None:
    (root / "m.csv").write_text("path,id\ncats/a.jpg,x\ncats/none.jpg,\n../secret.jpg,\n")
    given, missing, bad = entries(root / "m.csv", settings)
    assert isinstance(given.file, FoundFile)
    assert (given.name, given.position, given.file.path) == ("id:x", "1", "cats/a.jpg")
    assert missing.name == "path:cats/none.jpg"
    assert missing.file == FailedMember(
        name="cats/none.jpg", code="file_missing", detail="there is no such file (m.csv:3)"
    )
    assert isinstance(bad.file, FailedMember)
    assert (bad.name, bad.file.code) == ("m.csv:4", "invalid_manifest_row")
    assert entries(root / "m.csv", settings, after="1") == [missing, bad]


def test_what_a_manifest_says_is_part_of_the_stamp(root: Path, settings: Settings) -> None:
    stamps = set()
    for label in ("cat", "dog", "cat"):
        (root / "m.csv").write_text(f"path,label\ncats/a.jpg,{label}\n")
        [entry] = entries(root / "m.csv", settings)
        stamps.add(entry.stamp)
    assert len(stamps) == 2


def test_parquet_is_known_by_its_first_bytes(root: Path, settings: Settings) -> None:
    parquet.write_table(pyarrow.table({"path": ["cats/a.jpg"]}), root / "listing")
    assert open_path(str(root / "listing"), settings).form == "parquet"


def test_what_is_outside_is_not_told_apart_from_what_is_not_there(
    root: Path, settings: Settings, tmp_path: Path
) -> None:
    for path in (tmp_path / "secret.jpg", tmp_path / "none.jpg", root / "../secret.jpg"):
        assert refusal(str(path), settings) == (
            "source_not_allowed",
            f"{str(path)!r} is not below a folder that sources may name; "
            "ZOO_ALLOWED_ROOTS says which are",
        )


def test_a_link_below_a_root_is_no_source(root: Path, settings: Settings, tmp_path: Path) -> None:
    (root / "out").symlink_to(tmp_path)
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    for path in (root / "out", root / "out/secret.jpg", root / "out/none", root / "out.jpg"):
        assert refusal(str(path), settings)[0] == "source_not_found"


def test_what_is_not_there_is_told(root: Path, settings: Settings) -> None:
    assert refusal(f"{root}/dogs", settings) == (
        "source_not_found",
        f"nothing can be read at '{root}/dogs': No such file or directory; links are not followed",
    )
    assert refusal("/nowhere", settings)[0] == "source_not_found"
    assert refusal("photos", settings) == (
        "source_not_found",
        "'photos' is not an absolute path",
    )


def test_without_roots_nothing_is_allowed(root: Path, settings: Settings) -> None:
    assert refusal(str(root), replace(settings, allowed_roots=""))[0] == "source_not_allowed"


@pytest.mark.parametrize(
    "url",
    ["s3://bucket/photos", "s3://bucket/photos/", "s3://bucket/photos/a/b.csv", "s3://other"],
)
def test_urls_below_an_allowed_one_are_allowed(url: str, settings: Settings) -> None:
    check_url(url, settings)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("s3://bucket/photos-secret", "source_not_allowed"),
        ("s3://bucket", "source_not_allowed"),
        ("s3://bucket/photos/../secret", "source_not_allowed"),
        ("s3://others/a", "source_not_allowed"),
        ("simplecache::s3://bucket/photos", "unsupported_url"),
        ("https://example.org/a.jpg", "unsupported_url"),
        ("file:///etc/passwd", "unsupported_url"),
        ("/etc/passwd", "unsupported_url"),
    ],
)
def test_other_urls_are_refused(url: str, code: str, settings: Settings) -> None:
    with pytest.raises(InvalidError) as caught:
        open_url(url, settings)
    assert caught.value.code == code


def test_a_protocol_that_nobody_speaks_is_told(settings: Settings) -> None:
    with pytest.raises(InvalidError) as caught:
        open_url("s4://bucket", replace(settings, allowed_urls="s4://bucket"))
    assert caught.value.code == "unsupported_url"
    assert caught.value.detail == (
        "'s4://bucket' is of a protocol that cannot be spoken: Protocol not known: s4; "
        "for S3: pip install 'featurezoo[s3]'"
    )


def test_counting_tells_files_by_their_endings(root: Path, settings: Settings) -> None:
    (root / "link").symlink_to("cats")
    (root / "more.zip").write_bytes(bytes(10))
    assert count_entries(open_path(str(root), settings).entries(), limit_s=60) == Counted(
        files=3,
        size_bytes=13,
        unusable=1,
        archive_bytes=10,
        files_by_ending={".jpg": 1, ".png": 1, ".zip": 1},
        bytes_by_ending={".jpg": 1, ".png": 2, ".zip": 10},
        is_complete=True,
    )


def test_counting_ends_in_time_and_says_so(root: Path, settings: Settings) -> None:
    counted = count_entries(open_path(str(root), settings).entries(), limit_s=0)
    assert (counted.files, counted.is_complete) == (1, False)


def test_endings_beyond_the_first_fifty_are_counted_as_one() -> None:
    found = (FoundFile(path=f"a.{number}", size_bytes=1, stamp="") for number in range(200))
    entries = (Entry(position="", name=file.path, file=file) for file in found)
    counted = count_entries(entries, limit_s=60)
    assert len(counted.files_by_ending) == 51
    assert counted.files_by_ending["other"] == 150
