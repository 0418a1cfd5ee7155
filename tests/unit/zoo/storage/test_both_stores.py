"""What a blob store promises, held by the one on disk and the one in S3."""

from pathlib import Path

import pytest

from tests.stores import S3Server
from zoo.errors import DamagedError, InvalidError
from zoo.settings import load_settings
from zoo.storage.blobs import BlobStore, open_blobs


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    url = ""
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3")
        url = server.bucket()
    return open_blobs(load_settings({}, home=tmp_path / "home", storage_url=url))


def test_what_is_put_is_read_again(store: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "spooled"
    source.write_bytes(b"0123456789")
    store.put("packs/one", source)
    assert not source.exists()
    with store.open("packs/one") as file:
        assert file.read() == b"0123456789"
    assert store.read_range("packs/one", 3, 4) == b"3456"
    assert store.local_path("packs/one").read_bytes() == b"0123456789"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "packs",
        "/etc/passwd",
        "packs/../../etc/passwd",
        "packs/..",
        "../packs/a",
        "packs//a",
        "packs/.hidden",
        "packs/a\n",
        "packs/a b",
        "Packs/a",
    ],
)
def test_keys_that_could_lead_elsewhere_are_refused(store: BlobStore, key: str) -> None:
    message = f"blob key {key!r} is not of the form folder/name"
    for use in (
        store.open,
        store.local_path,
        store.delete,
        lambda key: store.put_bytes(key, b""),
        lambda key: store.read_range(key, 0, 1),
    ):
        with pytest.raises(InvalidError) as caught:
            use(key)
        assert caught.value.detail == message


def test_a_blob_that_is_missing_is_damage(store: BlobStore) -> None:
    for use in (store.open, store.local_path, lambda key: store.read_range(key, 0, 1)):
        with pytest.raises(DamagedError) as caught:
            use("packs/none")
        assert caught.value.detail == "packs/none is missing from the blob store"


def test_a_blob_that_is_too_short_is_damage(store: BlobStore) -> None:
    store.put_bytes("packs/one", b"0123456789")
    with pytest.raises(DamagedError) as caught:
        store.read_range("packs/one", 8, 5)
    assert caught.value.detail == "packs/one ends at byte 10, before 13"


def test_deleting_is_repeatable(store: BlobStore) -> None:
    store.put_bytes("packs/one", b"1")
    store.delete("packs/one")
    store.delete("packs/one")
    assert list(store.keys("")) == []


def test_keys_are_found_by_prefix(store: BlobStore) -> None:
    for key in ("packs/a", "packs/b", "segments/a"):
        store.put_bytes(key, b"1")
    assert sorted(store.keys("packs/")) == ["packs/a", "packs/b"]
    assert len(list(store.keys(""))) == 3


def test_an_empty_store_has_no_keys(store: BlobStore) -> None:
    assert list(store.keys("")) == []


def test_the_end_of_a_large_blob_and_an_empty_range_are_read(store: BlobStore) -> None:
    store.put_bytes("packs/big", b"a" * 2_000_000)
    assert store.read_range("packs/big", 1_999_990, 10) == b"a" * 10
    assert store.read_range("packs/big", 7, 0) == b""


def test_a_range_beyond_the_end_is_damage(store: BlobStore) -> None:
    store.put_bytes("packs/one", b"0123456789")
    with pytest.raises(DamagedError, match=r"^packs/one ends at byte \d+, before 45$"):
        store.read_range("packs/one", 40, 5)


def test_a_deleted_blob_is_gone_for_whoever_read_it(store: BlobStore) -> None:
    store.put_bytes("packs/one", b"1")
    store.local_path("packs/one")
    store.delete("packs/one")
    with pytest.raises(DamagedError):
        store.local_path("packs/one")
