"""A service whose files of record stand in S3."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.stores import S3Server, files
from zoo.fsck import check_home
from zoo.garbage import collect, open_grounds
from zoo.testing.pictures import COLOURS, coloured, labelled, picture, pictures
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService

pytestmark = pytest.mark.slow


@pytest.fixture
def url(s3: S3Server) -> str:
    return s3.bucket()


@pytest.fixture
def in_s3(url: str, make_zoo_service: MakeZooService) -> ZooService:
    return make_zoo_service(storage_url=url, shard_items=4)


def kept_on_disk(home: Path) -> list[Path]:
    """Files of the home that are not the catalog or a copy of something."""
    mine = [path for path in home.rglob("*") if path.is_file()]
    passing = {home / "cache", home / "weights", home / "run"}
    return [
        path
        for path in mine
        if not passing & {*path.parents} and not path.name.startswith("catalog.sqlite3")
    ]


def test_everything_works_with_files_in_s3(in_s3: ZooService, url: str) -> None:
    collection = in_s3.collection()
    job = in_s3.ingest(collection, pictures(6))
    assert job["result"] == {"embedded": 6, "reused": 0, "failed": 0}
    [first] = in_s3.search(collection, picture(4), k=1)
    assert first["metadata"] == {}
    items = {row["id"]: row["name"] for row in in_s3.items(collection)}
    assert items[first["item_id"]] == "p4.jpeg"
    with in_s3.client.get(f"/v1/collections/{collection}/items/{first['item_id']}/image") as image:
        assert image.data == picture(4)

    dataset = in_s3.dataset()
    in_s3.add_labelled(dataset, labelled(each=4))
    trained = in_s3.fine_tune(dataset, name="sorter")
    assert trained["state"] == "succeeded", trained
    for label, colour in COLOURS.items():
        [labels] = in_s3.classify("sorter", coloured(colour, seed=99))
        assert labels[0]["label"] == label
    with in_s3.client.get("/v1/models/sorter/versions/1/artifact?format=safetensors") as artifact:
        assert artifact.status_code == 200

    root = url.removeprefix("s3://")
    kinds = {path.removeprefix(f"{root}/").partition("/")[0] for path in files().find(root)}
    assert kinds == {"packs", "segments", "versions"}
    assert kept_on_disk(in_s3.home) == []
    assert check_home(in_s3.settings) == []


def test_what_is_lost_in_s3_is_found(in_s3: ZooService, url: str) -> None:
    in_s3.ingest(in_s3.collection(), pictures(2))
    [pack] = files().find(f"{url.removeprefix('s3://')}/packs")
    content = bytearray(files().cat_file(pack))
    content[-1] ^= 1
    files().pipe_file(pack, bytes(content))
    [problem] = check_home(in_s3.settings)
    assert problem.startswith("content ")
    assert "is damaged in packs/" in problem


def test_what_is_deleted_goes_from_s3(in_s3: ZooService, url: str) -> None:
    collection, other = in_s3.collection("doomed"), in_s3.collection("kept")
    in_s3.ingest(collection, pictures(4))
    in_s3.ingest(other, pictures(1))
    assert in_s3.client.delete(f"/v1/collections/{collection}").status_code == 204
    with open_grounds(in_s3.settings, is_thorough=True) as grounds:
        later = replace(grounds, instant=grounds.instant + timedelta(hours=9))
        assert {one.kind: one.count for one in collect(later)}["contents"] == 3
        assert collect(later) == []
    kept = files().find(f"{url.removeprefix('s3://')}/packs")
    [(_, content)] = pictures(1).items()
    assert [files().cat_file(path) for path in kept] == [content]
    assert check_home(in_s3.settings) == []
    [hit] = in_s3.search(other, content, k=1)
    assert hit["score"] > 0.999
