"""Archives, whole and broken, as they come from strangers."""

import gzip
import random
import re
import resource
import subprocess
import sys
import tarfile
import zipfile
from contextlib import suppress
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Literal

import pytest

from tests.pictures import (
    encrypted_zip,
    picture,
    tar_with,
    tarred,
    zip_bomb,
    zip_with_link,
    zipped,
)
from zoo.errors import IMAGE_CODES, InvalidError
from zoo.images import archives
from zoo.images.archives import FailedMember, Member, is_archive, read_archive

MAX = 1_000_000
FILES = {"cats/a.jpg": picture(1), "cats/b.jpg": picture(2), "dogs/c.png": picture(3, kind="PNG")}
UNSAFE = "the member's path is absolute or leaves the archive; use a relative one"
SPECIAL = "the member is a link or a special file"


def read(content: bytes, folder: Path, *, max_bytes: int = MAX) -> list[Member | FailedMember]:
    path = folder / "archive"
    path.write_bytes(content)
    return list(read_archive(BytesIO(path.read_bytes()), max_bytes=max_bytes))


def failure(content: bytes, folder: Path) -> tuple[str, str, str]:
    (found,) = read(content, folder)
    assert isinstance(found, FailedMember)
    assert found.code in IMAGE_CODES
    return found.name, found.code, found.detail


def members(files: dict[str, bytes]) -> list[Member]:
    return [Member(name=name, content=content) for name, content in files.items()]


ARCHIVES = {
    "stored zip": zipped(FILES, compression=zipfile.ZIP_STORED),
    "deflated zip": zipped(FILES),
    "lzma zip": zipped(FILES, compression=zipfile.ZIP_LZMA),
    "tar": tarred(FILES),
    "gnu tar": tarred(FILES, kind=tarfile.GNU_FORMAT),
    "gzipped tar": tarred(FILES, mode="w:gz"),
}


@pytest.mark.parametrize("content", ARCHIVES.values(), ids=ARCHIVES.keys())
def test_the_members_come_in_order_with_their_bytes(content: bytes, tmp_path: Path) -> None:
    assert is_archive(content[:512])
    assert read(content, tmp_path) == members(FILES)


NO_ARCHIVES = {
    "nothing": b"",
    "two bytes of a zip": b"PK",
    "text": b"text",
    "picture": picture(),
    "zeros": bytes(600),
    "gzipped nothing": gzip.compress(b"", mtime=0),
    "gzipped text": gzip.compress(b"a note", mtime=0),
    "gzipped repetition": gzip.compress(b"a note " * 1000, mtime=0),
    "gzipped noise": gzip.compress(random.Random(1).randbytes(9000), mtime=0),
}


@pytest.mark.parametrize("content", NO_ARCHIVES.values(), ids=NO_ARCHIVES.keys())
def test_other_files_are_no_archives(content: bytes, tmp_path: Path) -> None:
    assert not is_archive(content[:512])
    with pytest.raises(InvalidError) as caught:
        read(content, tmp_path)
    assert caught.value.code == "damaged_archive"
    assert caught.value.detail == "the file is not an archive; send a zip, a tar or a gzipped tar"


def test_a_gzipped_tar_of_before_there_was_a_magic_is_one(tmp_path: Path) -> None:
    content = bytearray(tarred({"a": b"1"}, kind=tarfile.USTAR_FORMAT))
    content[257:265] = bytes(8)
    content[148:156] = b"%06o\0 " % tarfile.calc_chksums(content[:512])[0]  # type: ignore[attr-defined]
    packed = gzip.compress(content)
    assert is_archive(packed[:512])
    assert read(packed, tmp_path) == members({"a": b"1"})


def test_an_empty_archive_has_no_members(tmp_path: Path) -> None:
    assert read(zipped({}), tmp_path) == []


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "tar"])
def test_hidden_files_are_passed_over(is_zip: bool, tmp_path: Path) -> None:
    seen = {"./cats/a.jpg": FILES["cats/a.jpg"]}
    files = {"__MACOSX/cats/._a.jpg": b"x", "cats/.DS_Store": b"x", ".git/config": b"x", **seen}
    assert read(zipped(files) if is_zip else tarred(files), tmp_path) == members(seen)


def test_folders_are_passed_over(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("cats")
    folder.type = tarfile.DIRTYPE
    assert read(tar_with(folder), tmp_path) == []
    assert read(zipped({"cats/": b""}), tmp_path) == []


@pytest.mark.parametrize(
    "name", ["../a.jpg", "cats/../../a.jpg", "/etc/a.jpg", "C:/a.jpg", "..\\a.jpg", "C:\\a.jpg"]
)
@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "tar"])
def test_paths_that_lead_out_are_refused(name: str, is_zip: bool, tmp_path: Path) -> None:
    content = zipped({name: b"x"}) if is_zip else tarred({name: b"x"})
    assert failure(content, tmp_path) == (name, "unsafe_path", UNSAFE)


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    assert failure(zip_with_link("a.jpg", "/etc/passwd"), tmp_path) == (
        "a.jpg",
        "not_a_file",
        SPECIAL,
    )
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        member = tarfile.TarInfo("a.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        assert failure(tar_with(member), tmp_path) == ("a.jpg", "not_a_file", SPECIAL)


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    assert failure(encrypted_zip({"a.jpg": b"x"}), tmp_path) == (
        "a.jpg",
        "encrypted",
        "the member is encrypted; send it without a password",
    )


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "tar"])
def test_a_member_too_large_is_refused_and_the_next_is_read(is_zip: bool, tmp_path: Path) -> None:
    files = {"large.jpg": bytes(11), "exact.jpg": bytes(10)}
    large, exact = read(zipped(files) if is_zip else tarred(files), tmp_path, max_bytes=10)
    assert large == FailedMember(
        name="large.jpg",
        code="file_too_large",
        detail="the member has more than 10 bytes, which is all that is read",
    )
    assert exact == Member(name="exact.jpg", content=bytes(10))


@pytest.mark.parametrize("said_size", [None, 1000], ids=["honest", "lying"])
def test_a_bomb_takes_no_memory(said_size: int | None, tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    path.write_bytes(zip_bomb(1 << 30, said_size=said_size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (found,) = read_archive(BytesIO(path.read_bytes()), max_bytes=25_000_000)
    assert isinstance(found, FailedMember)
    assert found.code == ("damaged_archive" if said_size else "file_too_large")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_that_swells_beyond_measure_is_left(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "NO_BOMB_BYTES", 1000)
    files = {f"{n:04}.bmp": bytes(100_000) for n in range(200)}
    content = zipped(files) if kind == "zip" else tarred(files, mode="w:gz")
    taken: list[Member | FailedMember] = []
    with pytest.raises(InvalidError) as caught:
        taken.extend(read_archive(BytesIO(content), max_bytes=MAX))
    assert caught.value.code == "archive_too_large"
    assert caught.value.detail == (
        f"the archive has {len(content)} bytes and expands to more than 100 times as much, "
        "and more than 1000; what came before was taken"
    )
    assert len(taken) == 100 * len(content) // 100_000


def test_a_zip_with_an_endless_list_of_files_is_not_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archives, "MOST_DIRECTORY_BYTES", 100)
    content = zipped({f"{n}.jpg": b"x" for n in range(4)})
    with pytest.raises(InvalidError) as caught:
        list(read_archive(BytesIO(content), max_bytes=MAX))
    assert caught.value.code == "archive_too_large"
    assert re.fullmatch(
        r"the zip's list of files has \d{3} bytes; send several zips; what came before was taken",
        caught.value.detail,
    )


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_has_at_most_so_many_files(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    files = {f"{n}.jpg": b"x" for n in range(4)}
    content = zipped(files) if kind == "zip" else tarred(files)
    found = read_archive(BytesIO(content), max_bytes=MAX)
    assert len(list(islice(found, 3))) == 3
    with pytest.raises(InvalidError) as caught:
        next(found)
    assert caught.value.detail == (
        "the archive has more than 3 files; send several; what came before was taken"
    )


BOUNDED = """
import resource, sys
from zoo.errors import InvalidError
from zoo.images.archives import read_archive
resource.setrlimit(resource.RLIMIT_AS, (500_000_000, 500_000_000))
file = open(sys.argv[1], "rb")
try:
    print([type(one).__name__ for one in read_archive(file, max_bytes=25_000_000)])
except InvalidError as error:
    print(error.detail)
"""


def swollen(kind: bytes, size: int, folder: Path) -> Path:
    """A gzipped tar whose only header swells to `size` bytes."""
    path = folder / "bomb.tar.gz"
    member = tarfile.TarInfo("bomb.png")
    member.type, member.size = kind, size
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.addfile(member)
        assert archive.fileobj is not None
        for _ in range(size >> 20):
            archive.fileobj.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.REGTYPE, "['FailedMember']"),
        (
            tarfile.XHDTYPE,
            "the tar cannot be read: an extended header has 943718400 bytes; was it cut off?",
        ),
    ],
    ids=["member", "header"],
)
def test_a_tar_that_swells_takes_no_memory(kind: bytes, said: str, tmp_path: Path) -> None:
    path = swollen(kind, 900 << 20, tmp_path)
    found = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(path)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == said


def test_a_zip_that_is_cut_off_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidError) as caught:
        read(zipped(FILES)[:-30], tmp_path)
    assert caught.value.code == "damaged_archive"
    assert caught.value.detail == (
        "the zip cannot be read: File is not a zip file; was it cut off?"
    )


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_is_cut_off_gives_what_it_has_and_tells(
    mode: Literal["w", "w:gz"], tmp_path: Path
) -> None:
    files = {f"{n}.bin": random.Random(n).randbytes(50_000) for n in range(10)}
    path = tmp_path / "cut"
    path.write_bytes(tarred(files, mode=mode)[:250_000])
    archive = read_archive(BytesIO(path.read_bytes()), max_bytes=MAX)
    assert list(islice(archive, 4)) == members(files)[:4]
    with pytest.raises(InvalidError, match=r"^the tar cannot be read: .*; was it cut off\?$"):
        next(archive)


@pytest.mark.parametrize("n", [3, 4, 9, 11])
def test_a_gzip_that_ends_within_its_own_header_is_cut_off_too(n: int, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes((b"\x1f\x8b\x08\x0c" + bytes(20))[:n])
    with pytest.raises(InvalidError, match=r"^the tar cannot be read: .*; was it cut off\?$"):
        list(read_archive(BytesIO(path.read_bytes()), max_bytes=100))


def test_a_damaged_header_never_hides_what_follows_it(tmp_path: Path) -> None:
    content = bytearray(tarred({"a": b"1", "b": b"2", "c": b"3"}))
    content[1024] ^= 0xFF
    path = tmp_path / "damaged"
    path.write_bytes(content)
    found = read_archive(BytesIO(path.read_bytes()), max_bytes=MAX)
    assert next(found) == Member(name="a", content=b"1")
    with pytest.raises(InvalidError) as caught:
        next(found)
    assert caught.value.detail == "the tar cannot be read: bad checksum; was it cut off?"


def test_a_tar_without_its_final_zeros_is_whole(tmp_path: Path) -> None:
    assert read(tarred({"a": b"1"})[:1024], tmp_path) == members({"a": b"1"})


def test_a_damaged_member_costs_only_itself(tmp_path: Path) -> None:
    content = bytearray(zipped(FILES, compression=zipfile.ZIP_STORED))
    content[content.find(FILES["cats/b.jpg"]) + 5] ^= 0xFF
    first, damaged, last = read(bytes(content), tmp_path)
    assert [first, last] == [members(FILES)[0], members(FILES)[2]]
    assert damaged == FailedMember(
        name="cats/b.jpg",
        code="damaged_archive",
        detail="the member cannot be read: Bad CRC-32 for file 'cats/b.jpg'",
    )


@pytest.mark.parametrize("archive", ARCHIVES.values(), ids=ARCHIVES.keys())
def test_no_damage_gives_any_other_error(archive: bytes, tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(150):
        content = bytearray(archive)
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        with suppress(InvalidError):
            for member in read(bytes(content), tmp_path):
                member.name.encode()


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "tar"])
def test_names_of_all_scripts_are_kept(is_zip: bool, tmp_path: Path) -> None:
    files = {"Kätzchen/ねこ 🐈.jpg": b"x"}
    assert read(zipped(files) if is_zip else tarred(files), tmp_path) == members(files)


def test_names_in_utf8_that_are_not_marked_as_such_are_understood(tmp_path: Path) -> None:
    content = bytearray(zipped({"Kätzchen.jpg": b"x"}))
    for magic, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        content[content.find(magic) + offset] &= ~0x08
    assert read(bytes(content), tmp_path) == members({"Kätzchen.jpg": b"x"})


def test_names_that_are_no_text_can_still_be_stored(tmp_path: Path) -> None:
    content = tarred({"caf\udce9.jpg": b"x"}, kind=tarfile.GNU_FORMAT)
    assert read(content, tmp_path) == members({"caf\ufffd.jpg": b"x"})


def test_the_members_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "many.tar"
    path.write_bytes(tarred({f"{n}.jpg": bytes(1000) for n in range(5)}))
    found = read_archive(BytesIO(path.read_bytes()), max_bytes=MAX)
    assert next(found) == Member(name="0.jpg", content=bytes(1000))


def test_damage_of_lzma_is_damage_of_the_member(tmp_path: Path) -> None:
    content = bytearray(zipped({"a.jpg": bytes(5000)}, compression=zipfile.ZIP_LZMA))
    place = content.find(b"a.jpg") + len("a.jpg")
    content[place + 4 : place + 20] = b"\xff" * 16
    assert failure(bytes(content), tmp_path)[1] == "damaged_archive"
