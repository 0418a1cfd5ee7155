import hashlib
import os
from pathlib import Path

import pytest

from zoo.catalog.records import ContentRecord
from zoo.errors import DamagedError, InvalidError
from zoo.settings import load_settings
from zoo.storage.blobs import BlobStore, open_blobs
from zoo.storage.packs import read_content
from zoo.storage.references import allowed_path, reference_key


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "cats").mkdir(parents=True)
    (folder / "cats/a.jpg").write_bytes(b"bytes")
    return folder


@pytest.fixture
def blobs(tmp_path: Path, root: Path) -> BlobStore:
    return open_blobs(load_settings({}, home=tmp_path / "home", allowed_roots=str(root)))


def content(path: Path, given: bytes = b"bytes") -> ContentRecord:
    return ContentRecord(
        sha256=hashlib.sha256(given).hexdigest(),
        pack_key=reference_key(str(path)),
        offset=0,
        size_bytes=len(given),
        width=None,
        height=None,
    )


def refusal(blobs: BlobStore, path: Path) -> tuple[str, str]:
    with pytest.raises(DamagedError) as caught:
        read_content(blobs, content(path))
    return caught.value.code, caught.value.detail.replace(str(path), "PATH")


CHANGED = ("file_changed", "PATH has changed since it was taken in; ingest its source again")


def test_a_file_is_read_where_it_stands(blobs: BlobStore, root: Path) -> None:
    assert read_content(blobs, content(root / "cats/a.jpg")) == b"bytes"


@pytest.mark.parametrize("other", [b"Bytes", b"byte", b"bytes and more", b""])
def test_a_file_that_has_changed_is_noticed_not_served(
    blobs: BlobStore, root: Path, other: bytes
) -> None:
    (root / "cats/a.jpg").write_bytes(other)
    assert refusal(blobs, root / "cats/a.jpg") == CHANGED


def test_a_file_that_is_gone_is_told(blobs: BlobStore, root: Path) -> None:
    assert refusal(blobs, root / "cats/b.jpg") == (
        "file_missing",
        "PATH cannot be read where it was: No such file or directory",
    )


def test_a_file_that_became_a_link_is_not_followed(
    blobs: BlobStore, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside.jpg").write_bytes(b"bytes")
    (root / "cats/a.jpg").unlink()
    (root / "cats/a.jpg").symlink_to(tmp_path / "outside.jpg")
    assert refusal(blobs, root / "cats/a.jpg") == CHANGED


def test_a_folder_that_became_a_link_is_not_followed(
    blobs: BlobStore, root: Path, tmp_path: Path
) -> None:
    (root / "cats").rename(tmp_path / "outside")
    (root / "cats").symlink_to(tmp_path / "outside")
    assert refusal(blobs, root / "cats/a.jpg")[0] == "file_missing"


def test_a_pipe_in_a_file_s_place_holds_nobody(blobs: BlobStore, root: Path) -> None:
    (root / "cats/a.jpg").unlink()
    os.mkfifo(root / "cats/a.jpg")
    assert refusal(blobs, root / "cats/a.jpg") == CHANGED


def test_a_root_that_is_not_allowed_any_more_is_not_read(tmp_path: Path, root: Path) -> None:
    blobs = open_blobs(load_settings({}, home=tmp_path / "home"))
    assert refusal(blobs, root / "cats/a.jpg") == (
        "file_missing",
        "'PATH' is not below a folder that sources may name; ZOO_ALLOWED_ROOTS says which are",
    )


def test_a_root_may_lie_behind_a_link(tmp_path: Path, root: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    blobs = open_blobs(load_settings({}, home=tmp_path / "home", allowed_roots=str(link)))
    assert read_content(blobs, content(link / "cats/a.jpg")) == b"bytes"


@pytest.mark.parametrize(
    "path",
    ["/srv/photos/../secret", "/srv/photosets", "/srv", "/etc/passwd", "/srv/photos/a\0b", "/"],
)
def test_only_what_lies_below_a_root_is_allowed(path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        allowed_path(path, [Path("/srv/photos")])
    assert caught.value.code == "source_not_allowed"


def test_the_innermost_root_is_the_one() -> None:
    found = allowed_path("/srv/photos/cats/a.jpg", [Path("/srv"), Path("/srv/photos")])
    assert (found.root, found.parts) == (Path("/srv/photos"), ("cats", "a.jpg"))


def test_a_root_that_is_not_absolute_allows_nothing() -> None:
    with pytest.raises(InvalidError):
        allowed_path("photos/a.jpg", [Path("photos")])
