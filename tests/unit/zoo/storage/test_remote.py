"""The blob store in S3: what only it can meet."""

from pathlib import Path

import pytest

from tests.disks import SmallDisk
from tests.live import free_port
from tests.stores import S3Server, files
from zoo.errors import StartError, UnavailableError
from zoo.settings import Settings, load_settings
from zoo.storage.blobs import BlobStore, open_blobs


def settings_for(home: Path, url: str) -> Settings:
    return load_settings({}, home=home, storage_url=url)


def test_a_key_is_an_object_below_the_folder(s3: S3Server, tmp_path: Path) -> None:
    url = s3.bucket()
    open_blobs(settings_for(tmp_path, url)).put_bytes("segments/a.npy", b"1")
    bucket = url.removeprefix("s3://")
    assert files().find(bucket) == [f"{bucket}/segments/a.npy"]
    assert not (tmp_path / "blobs").exists()


def test_two_machines_see_the_same_blobs(s3: S3Server, tmp_path: Path) -> None:
    url = s3.bucket()
    first, second = (open_blobs(settings_for(tmp_path / name, url)) for name in "ab")
    assert list(second.keys("packs/")) == []
    first.put_bytes("packs/one", b"1")
    assert list(second.keys("packs/")) == ["packs/one"]
    assert second.local_path("packs/one").read_bytes() == b"1"
    assert second.local_path("packs/one").is_relative_to(tmp_path / "b" / "cache")


@pytest.mark.slow
def test_a_file_larger_than_a_part_is_sent_whole(s3: S3Server, tmp_path: Path) -> None:
    blobs = open_blobs(settings_for(tmp_path, s3.bucket()))
    source = tmp_path / "pack"
    source.write_bytes(b"0123456789" * 6_000_000)  # s3fs sends parts of 50 MiB
    blobs.put("packs/one", source)
    assert blobs.read_range("packs/one", 59_999_995, 5) == b"56789"
    assert blobs.local_path("packs/one").stat().st_size == 60_000_000


def refusal(blobs: BlobStore) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        blobs.local_path("packs/one")
    with pytest.raises(UnavailableError) as again:
        blobs.put_bytes("packs/one", b"1")
    assert again.value.detail == caught.value.detail
    return caught.value


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_not_damage(tmp_path: Path) -> None:
    error = refusal(open_blobs(settings_for(tmp_path, "s3://nobodys/zoo")))
    assert error.code == "storage_unavailable"
    assert error.detail == (
        "the blob store cannot give or take packs/one: The specified bucket does not exist"
    )


@pytest.mark.usefixtures("s3")
def test_a_server_that_is_down_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    error = refusal(open_blobs(settings_for(tmp_path, "s3://bucket/zoo")))
    assert error.code == "storage_unavailable"
    assert error.detail == (
        "the blob store cannot give or take packs/one: Could not connect to the endpoint URL: "
        f'"{address}/bucket/zoo/packs/one"'
    )


def test_a_disk_that_has_no_room_for_the_copy_is_told(s3: S3Server, small_disk: SmallDisk) -> None:
    blobs = open_blobs(settings_for(small_disk.folder, s3.bucket()))
    blobs.put_bytes("packs/one", bytes(2 << 20))
    with pytest.raises(UnavailableError, match="packs/one") as caught:
        blobs.local_path("packs/one")
    assert caught.value.code == small_disk.code


def test_files_may_stand_in_another_folder(tmp_path: Path) -> None:
    url = (tmp_path / "a disk of its own").as_uri()
    blobs = open_blobs(settings_for(tmp_path / "home", url))
    blobs.put_bytes("packs/one", b"1")
    assert (tmp_path / "a disk of its own/packs/one").read_bytes() == b"1"


@pytest.mark.parametrize("url", ["bucket/folder", "s3:bucket", "s3://", "file://folder", "/srv"])
def test_a_place_that_is_no_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(StartError) as caught:
        open_blobs(settings_for(tmp_path, url))
    assert caught.value.detail == (
        f"ZOO_STORAGE_URL is {url!r}; it should be s3://bucket/folder or file:///folder"
    )


def test_a_protocol_that_nobody_speaks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError) as caught:
        open_blobs(settings_for(tmp_path, "s4://bucket/folder"))
    assert caught.value.detail == (
        "ZOO_STORAGE_URL is 's4://bucket/folder', but 's4' cannot be spoken: "
        "Protocol not known: s4"
    )
