"""Sources as they are asked for over HTTP, with pictures that are embedded and searched."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import tarred, zipped
from tests.stores import S3Server, files
from zoo.fsck import check_home
from zoo.testing.asking import Json
from zoo.testing.pictures import picture
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(picture(number, kind="PNG"))
    return folder


@pytest.fixture
def zoo(root: Path, make_zoo_service: MakeZooService) -> ZooService:
    return make_zoo_service(allowed_roots=str(root), shard_items=2)


def ingest(zoo: ZooService, url: str, source: dict[str, Any], **headers: str) -> Json:
    """The ended job that a source is read by."""
    answer = zoo.client.post(url, json={"source": source}, headers=headers)
    assert answer.status_code == 202, answer.get_json()
    return zoo.get(f"/v1/jobs/{answer.get_json()['id']}")


def refusal(zoo: ZooService, url: str, body: Json) -> tuple[int, str]:
    answer = zoo.client.post(url, json=body)
    return answer.status_code, answer.get_json()["code"]


def failures(zoo: ZooService, job: Json) -> dict[str, str]:
    rows = zoo.get(f"/v1/jobs/{job['id']}/items?state=failed")["data"]
    return {row["name"]: row["error"]["code"] for row in rows}


def test_a_folder_is_searched_without_having_been_copied(zoo: ZooService, root: Path) -> None:
    name = zoo.collection()
    job = ingest(zoo, f"/v1/collections/{name}/items", {"path": str(root)})
    assert job["result"] == {
        "embedded": 5,
        "reused": 0,
        "failed": 0,
        "unchanged": 0,
        "removed": 0,
    }
    assert job["spec"] == {
        "collection": name,
        "dataset": None,
        "source": {"path": str(root), "url": None, "copy": False},
    }
    [hit] = zoo.search(name, item_id=zoo.items(name)[3]["id"], k=1)
    assert hit["name"] == "3.png"
    assert list(zoo.context.blobs.keys("packs/")) == []
    assert check_home(zoo.settings) == []


def test_a_picture_by_reference_is_served_until_it_changes(zoo: ZooService, root: Path) -> None:
    name = zoo.collection()
    ingest(zoo, f"/v1/collections/{name}/items", {"path": str(root)})
    ids = {item["name"]: item["id"] for item in zoo.items(name)}
    address = {one: f"/v1/collections/{name}/items/{ids[one]}/image" for one in ids}
    with zoo.client.get(address["0.png"]) as image:
        assert image.data == picture(0, kind="PNG")
    (root / "0.png").write_bytes(picture(9, kind="PNG"))
    (root / "1.png").unlink()
    answers = [zoo.client.get(address[one]) for one in ("0.png", "1.png")]
    assert [(one.status_code, one.get_json()["code"]) for one in answers] == [
        (409, "file_changed"),
        (410, "file_missing"),
    ]
    assert len(zoo.search(name, item_id=ids["0.png"], k=5)) == 5


def test_a_second_look_keeps_the_collection_as_the_folder_is(zoo: ZooService, root: Path) -> None:
    url = f"/v1/collections/{zoo.collection()}"
    ingest(zoo, f"{url}/items", {"path": str(root)})
    before = {item["name"]: item for item in zoo.get(f"{url}/items")["data"]}
    (root / "0.png").write_bytes(picture(10, kind="PNG"))
    (root / "1.png").unlink()
    (root / "2.png").rename(root / "two.png")
    job = ingest(zoo, f"{url}/items", {"path": f"{root}/"})
    assert job["result"] == {
        "embedded": 1,
        "reused": 3,
        "failed": 0,
        "unchanged": 2,
        "removed": 2,
    }
    after = {item["name"]: item for item in zoo.get(f"{url}/items")["data"]}
    assert after.keys() == {"0.png", "3.png", "4.png", "two.png"}
    assert after["0.png"]["id"] == before["0.png"]["id"]
    assert after["0.png"]["sha256"] != before["0.png"]["sha256"]
    hits = zoo.search(url.rpartition("/")[2], item_id=after["0.png"]["id"], k=10)
    assert {hit["name"] for hit in hits} == after.keys()


def test_a_look_at_a_touched_file_leaves_what_people_said_of_its_item(
    zoo: ZooService, root: Path
) -> None:
    url = f"/v1/collections/{zoo.collection()}/items"
    ingest(zoo, url, {"path": str(root)})
    item = zoo.get(url)["data"][0]
    said = {"name": "Tom", "label": "cat", "metadata": {"by": "me"}}
    changed = zoo.client.patch(f"{url}/{item['id']}", json=said).get_json()
    os.utime(root / item["name"], (1, 1))
    again = ingest(zoo, url, {"path": str(root)})
    assert again["result"] == {
        "embedded": 0,
        "reused": 5,
        "failed": 0,
        "unchanged": 5,
        "removed": 0,
    }
    assert zoo.get(f"{url}/{item['id']}") == changed


def test_an_item_that_was_deleted_comes_back_with_its_file(zoo: ZooService, root: Path) -> None:
    name = zoo.collection()
    ingest(zoo, f"/v1/collections/{name}/items", {"path": str(root)})
    gone = zoo.items(name)[0]["id"]
    zoo.client.delete(f"/v1/collections/{name}/items/{gone}")
    job = ingest(zoo, f"/v1/collections/{name}/items", {"path": str(root)})
    assert (job["result"]["reused"], job["result"]["unchanged"]) == (5, 4)
    assert gone in {item["id"] for item in zoo.items(name)}


def test_a_collection_whose_archive_is_emptied_is_empty(zoo: ZooService, root: Path) -> None:
    url = f"/v1/collections/{zoo.collection()}/items"
    for members in ({"a.png": picture(40, kind="PNG")}, {}):
        (root / "all.zip").write_bytes(zipped(members))
        job = ingest(zoo, url, {"path": f"{root}/all.zip"})
        assert (job["state"], job["result"]["removed"]) == ("succeeded", 1 - len(members))
        assert len(zoo.get(url)["data"]) == len(members)


def test_two_folders_do_not_remove_each_other_s_items(zoo: ZooService, root: Path) -> None:
    for part in ("a", "b"):
        (root / part).mkdir()
        (root / part / "x.png").write_bytes(picture(ord(part), kind="PNG"))
    url = f"/v1/collections/{zoo.collection()}/items"
    for part in ("a", "b", "a"):
        job = ingest(zoo, url, {"path": str(root / part)})
        assert job["result"]["removed"] == 0
    assert len(zoo.get(url)["data"]) == 2


def test_a_manifest_gives_ids_labels_and_metadata(zoo: ZooService, root: Path) -> None:
    rows = [
        {
            "path": "0.png",
            "id": "zero",
            "label": "cat",
            "name": "Tom",
            "year": 1999,
            "is_old": True,
        },
        {"path": "1.png", "split": "test", "tags": ["a", {"b": None}]},
        {"path": "none.png"},
        {"path": "../../etc/passwd"},
    ]
    (root / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    name = zoo.collection()
    job = ingest(zoo, f"/v1/collections/{name}/items", {"path": f"{root}/list.jsonl"})
    assert failures(zoo, job) == {
        "none.png": "file_missing",
        "list.jsonl:4": "invalid_manifest_row",
    }
    first, second = zoo.items(name)
    assert (first["id"], first["name"], first["label"]) == ("zero", "Tom", "cat")
    assert first["metadata"] == {"year": 1999, "is_old": True}
    assert second["metadata"] == {"split": "test", "tags": ["a", {"b": None}]}


def test_a_manifest_in_an_archive_that_is_sent_says_what_its_files_are(zoo: ZooService) -> None:
    members = {
        "a/1.png": picture(1, kind="PNG"),
        "a/2.png": picture(2, kind="PNG"),
        "list.csv": b"path,id,label,split,shelf\na/1.png,one,cat,train,3\n",
    }
    name = zoo.collection()
    job = zoo.send(f"/v1/collections/{name}/items", [("all.zip", zipped(members))])
    assert job["result"] == {"embedded": 1, "reused": 0, "failed": 0}
    [item] = zoo.items(name)
    assert (item["id"], item["label"]) == ("one", "cat")
    assert item["metadata"] == {"split": "train", "shelf": 3}
    dataset = zoo.dataset()
    job = zoo.send(f"/v1/datasets/{dataset}/items", [("all.zip", zipped(members))])
    assert zoo.get(f"/v1/datasets/{dataset}")["labels"] == {"cat": 1}


def test_a_tar_in_webdataset_s_layout_gives_samples(zoo: ZooService) -> None:
    members = {
        "0001.png": picture(1, kind="PNG"),
        "0001.cls": b"cat",
        "0001.json": b'{"year": 1999}',
        "0002.png": picture(2, kind="PNG"),
        "0002.txt": b"a dog",
    }
    name = zoo.collection()
    zoo.send(f"/v1/collections/{name}/items", [("all.tar", tarred(members))])
    first, second = zoo.items(name)
    assert (first["id"], first["label"], first["metadata"]) == (
        "0001",
        "cat",
        {"year": 1999, "__key__": "0001"},
    )
    assert (second["id"], second["metadata"]["txt"]) == ("0002", "a dog")


def test_the_same_request_with_the_same_key_makes_one_job(zoo: ZooService, root: Path) -> None:
    url = f"/v1/collections/{zoo.collection()}/items"
    keyed = {"Idempotency-Key": "once"}
    first = ingest(zoo, url, {"path": str(root)}, **keyed)
    root.rename(root.with_name("elsewhere"))
    assert ingest(zoo, url, {"path": str(root)}, **keyed)["id"] == first["id"]


def test_a_preview_counts_and_makes_no_job(zoo: ZooService, root: Path) -> None:
    (root / "notes.txt").write_text("hello")
    (root / "link").symlink_to("0.png")
    name = zoo.collection()
    body = {"source": {"path": str(root), "copy": True}, "collection": name}
    seen = zoo.client.post("/v1/sources/preview", json=body).get_json()
    n_bytes = sum((root / f"{number}.png").stat().st_size for number in range(5))
    dim = zoo.get(f"/v1/collections/{name}")["dim"]
    assert seen == {
        "files": 6,
        "bytes": n_bytes + 5,
        "unusable": 1,
        "by_ending": {
            ".png": {"files": 5, "bytes": n_bytes},
            ".txt": {"files": 1, "bytes": 5},
        },
        "disk_bytes": n_bytes + 5 + 6 * (4 * dim + 1500),
        "seconds": round(6 * 0.03 / zoo.settings.cores, 1),
        "is_complete": True,
    }
    assert zoo.get("/v1/jobs?type=ingest")["data"] == []


def test_what_is_no_source_is_refused_before_a_job_is_made(zoo: ZooService, root: Path) -> None:
    url = f"/v1/collections/{zoo.collection()}/items"
    refused = {
        json.dumps({"path": "/etc/passwd"}): (403, "source_not_allowed"),
        json.dumps({"path": f"{root}/../x"}): (403, "source_not_allowed"),
        json.dumps({"path": f"{root}/none"}): (422, "source_not_found"),
        json.dumps({"path": "x"}): (422, "source_not_found"),
        json.dumps({}): (422, "invalid_source"),
        json.dumps({"path": str(root), "url": "s3://a/b"}): (422, "invalid_source"),
        json.dumps({"url": "https://example.org"}): (422, "unsupported_url"),
        json.dumps({"url": "s3://bucket/a"}): (403, "source_not_allowed"),
        json.dumps({"path": str(root), "more": 1}): (422, "invalid"),
        json.dumps({"path": ""}): (422, "invalid"),
    }
    for address in (url, f"/v1/datasets/{zoo.dataset()}/items", "/v1/sources/preview"):
        found = {
            source: refusal(zoo, address, {"source": json.loads(source)}) for source in refused
        }
        assert found == refused
    for body in ({}, {"source": {"path": str(root)}, "items": [{"text": "a"}]}):
        assert refusal(zoo, url, body) == (422, "invalid")
    assert refusal(zoo, "/v1/collections/none/items", {"source": {"path": str(root)}}) == (
        404,
        "unknown_collection",
    )
    assert zoo.get("/v1/jobs?type=ingest")["data"] == []


def test_a_home_whose_files_by_reference_changed_is_told(zoo: ZooService, root: Path) -> None:
    name = zoo.collection()
    ingest(zoo, f"/v1/collections/{name}/items", {"path": str(root)})
    [item_id] = [
        row["id"]
        for row in zoo.get(f"/v1/collections/{name}/items")["data"]
        if row["name"] == "0.png"
    ]
    (root / "0.png").write_bytes(b"other")
    assert check_home(zoo.settings) == [
        f"{root}/0.png has changed since it was taken in; ingest its source again; "
        f"it is the original of item {item_id} of collection {name!r}"
    ]


@pytest.mark.slow
def test_a_folder_in_s3_is_copied_and_followed(
    database_url: str, s3: S3Server, make_zoo_service: MakeZooService
) -> None:
    place = f"{s3.bucket()}/photos"
    path = place.removeprefix("s3://")
    zoo = make_zoo_service(allowed_urls=place, database_url=database_url)
    for number in range(4):
        files().pipe_file(f"{path}/{number % 2}/{number}.png", picture(number, kind="PNG"))
    files().pipe_file(f"{path}/more.zip", zipped({"z.png": picture(9, kind="PNG")}))
    files().pipe_file(f"{path}/list.csv", b"path,id\n0/0.png,zero\n1/none.png,\n")
    name = zoo.collection()
    url = f"/v1/collections/{name}/items"
    job = ingest(zoo, url, {"url": place})
    assert job["result"] == {
        "embedded": 5,
        "reused": 0,
        "failed": 1,
        "unchanged": 0,
        "removed": 0,
    }
    assert failures(zoo, job) == {"list.csv": "not_an_image"}
    seen = zoo.client.post("/v1/sources/preview", json={"source": {"url": place}}).get_json()
    assert (seen["files"], seen["is_complete"]) == (6, True)

    files().rm_file(f"{path}/0/2.png")
    files().pipe_file(f"{path}/1/1.png", picture(11, kind="PNG"))
    again = ingest(zoo, url, {"url": f"{place}/"})
    assert again["result"] == {
        "embedded": 1,
        "reused": 3,
        "failed": 1,
        "unchanged": 3,
        "removed": 1,
    }
    listed = ingest(zoo, url, {"url": f"{place}/list.csv"})
    assert failures(zoo, listed) == {"1/none.png": "file_missing"}
    assert "zero" in {item["id"] for item in zoo.items(name)}
    assert refusal(zoo, url, {"source": {"url": f"{place}/nothing"}}) == (422, "source_not_found")
    assert check_home(zoo.settings) == []


@pytest.mark.slow
def test_a_key_in_s3_may_be_a_file_and_a_folder(
    s3: S3Server, make_zoo_service: MakeZooService
) -> None:
    place = f"{s3.bucket()}/photos"
    path = place.removeprefix("s3://")
    zoo = make_zoo_service(allowed_urls=place)
    for number, key in enumerate(("a/1.png", "a", "a.png")):
        files().pipe_file(f"{path}/{key}", picture(number, kind="PNG"))
    url = f"/v1/collections/{zoo.collection()}/items"
    assert ingest(zoo, url, {"url": place})["result"]["embedded"] == 3
    assert ingest(zoo, url, {"url": place})["result"]["unchanged"] == 3
    assert {item["name"] for item in zoo.get(url)["data"]} == {"a", "a/1.png", "a.png"}
