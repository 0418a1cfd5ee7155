import io

import pytest

from tests.pictures import tarred, zipped
from zoo.errors import InvalidError
from zoo.images import members
from zoo.images.archives import FailedMember, Member
from zoo.images.members import read_members

CSV = b"path,id,label,shelf\nb/2.jpg,two,dog,3\na/1.jpg,,cat,4\nnone.jpg,,cat,\n../x.jpg,,cat,\n"
FILES = {"a/1.jpg": b"1", "b/2.jpg": b"2", "b/3.jpg": b"3", "all.csv": CSV}


def read(content: bytes, *, max_bytes: int = 1000) -> list[Member | FailedMember]:
    return list(read_members(io.BytesIO(content), max_bytes=max_bytes))


@pytest.mark.parametrize("content", [zipped(FILES), tarred(FILES)], ids=["zip", "tar"])
def test_a_manifest_says_what_is_taken_wherever_it_stands(content: bytes) -> None:
    bad, first, second, missing = read(content)
    assert isinstance(bad, FailedMember)
    assert (bad.name, bad.code) == ("all.csv:5", "invalid_manifest_row")
    assert isinstance(first, Member)
    assert (first.name, first.attributes.label, first.attributes.item_id) == (
        "a/1.jpg",
        "cat",
        None,
    )
    assert isinstance(second, Member)
    assert (second.name, second.attributes.label, second.attributes.item_id) == (
        "b/2.jpg",
        "dog",
        "two",
    )
    assert second.attributes.metadata == {"shelf": 3}
    assert missing == FailedMember(
        name="none.jpg",
        code="file_missing",
        detail="all.csv names it, but the archive has no such file",
    )


@pytest.mark.parametrize(
    "files",
    [
        {"a/1.jpg": b"1", "a/all.csv": CSV},
        {"a/1.jpg": b"1", "notes.csv": b"a,b\n1,2\n"},
        {"a/1.jpg": b"1", "notes.jsonl": b'{"a": 1}\n'},
        {"a/1.jpg": b"1", "notes.csv": b""},
    ],
)
def test_other_tables_are_members_like_any(files: dict[str, bytes]) -> None:
    found = read(zipped(files))
    assert [(one.name, getattr(one, "content", None)) for one in found] == list(files.items())


def test_a_manifest_of_more_rows_than_memory_has_room_for_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(members, "MOST_ROWS", 3)
    assert [one.name for one in read(zipped({"m.csv": b"path\na\na\na\n", "a": b"1"}))] == [
        "a"
    ] * 3
    with pytest.raises(InvalidError) as caught:
        read(zipped({"m.csv": b"path\na\na\na\na\n", "a": b"1"}))
    assert caught.value.code == "archive_too_large"
    assert caught.value.detail == "the manifest m.csv has more than 3 rows; send several archives"


def test_json_lines_are_a_manifest_too() -> None:
    rows = b'{"path": "a/1.jpg", "n": 1}\n{"path": "a/1.jpg", "id": "again"}\n'
    found = read(zipped({"m.jsonl": rows, "a/1.jpg": b"1"}))
    assert [one.attributes.item_id for one in found if isinstance(one, Member)] == [None, "again"]


def test_a_manifest_that_breaks_off_is_told_and_not_taken_for_a_picture() -> None:
    with pytest.raises(InvalidError) as caught:
        read(tarred({"m.csv": b'path\na.jpg\n"b', "a.jpg": b"1"}))
    assert caught.value.code == "invalid_manifest"


def test_a_tar_in_webdataset_s_layout_gives_samples_and_a_zip_does_not() -> None:
    files = {"1.jpg": b"1", "1.cls": b"cat"}
    [sample] = read(tarred(files))
    assert isinstance(sample, Member)
    assert sample.attributes.label == "cat"
    assert len(read(zipped(files))) == 2


def test_an_archive_that_breaks_off_gives_what_it_has() -> None:
    members = read_members(io.BytesIO(tarred(FILES | {"z": bytes(2000)})[:2500]), max_bytes=5000)
    assert next(members).name == "a/1.jpg"
    with pytest.raises(InvalidError) as caught:
        list(members)
    assert caught.value.code == "damaged_archive"
