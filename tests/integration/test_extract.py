"""Features of whole collections and datasets, as files that are fetched when the job is done."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from tests.eager import EagerService, Json
from zoo.catalog import contents
from zoo.fsck import check_home
from zoo.testing import pictures, tiny, tiny_texts
from zoo.testing.asking import data_uri
from zoo.testing.service import ZooService

N = 20


def extract(service: EagerService, **spec: object) -> Json:
    """The job as it ended."""
    answer = service.client.post("/v1/jobs", json={"type": "extract", "spec": spec})
    assert answer.status_code == 202, answer.get_json()
    return answer.get_json()


def fetch(service: EagerService, job: Json, number: int) -> bytes:
    file = job["result"]["files"][number]
    with service.client.get(f"/v1/jobs/{job['id']}/files/{number}") as answer:
        assert answer.status_code == 200, answer.get_json()
        content = answer.get_data()
    assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert len(content) == file["size_bytes"]
    return content


def read(service: EagerService, job: Json) -> dict[str, np.ndarray]:
    """All files of a job as one."""
    assert job["state"] == "succeeded", job["error"]
    opened = [
        np.load(io.BytesIO(fetch(service, job, file["number"])), allow_pickle=False)
        for file in job["result"]["files"]
    ]
    return {name: np.concatenate([one[name] for one in opened]) for name in opened[0]}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {f"{seed}.png": pictures.picture(7000 + seed) for seed in range(N)}


@pytest.fixture(scope="module")
def collection(service: EagerService, files: dict[str, bytes]) -> str:
    """The name of a collection under the tiny model."""
    url = service.collection(model=tiny.MODEL)
    service.send(url, list(files.items()))
    return url.rpartition("/")[2]


def asked_at_once(service: EagerService, images: list[bytes], **more: object) -> np.ndarray:
    body = {"model": tiny.MODEL, "input": [data_uri(one) for one in images], "layers": ["body"]}
    with service.client.post("/v1/features", json={**body, **more}) as answer:
        found: np.ndarray = np.load(io.BytesIO(answer.get_data()), allow_pickle=False)["body"]
    return found


def test_every_item_has_a_row_of_each_layer_in_the_order_in_which_it_came(
    service: EagerService, collection: str, files: dict[str, bytes]
) -> None:
    job = extract(service, collection=collection, layers=["body", "deep"], layout="nhwc")

    result = job["result"]
    assert result["layers"] == {"body": [16, 16, 6], "deep": [4, 4, 6]}
    assert (result["items"], result["failed"]) == (N, 0)
    assert [file["items"] for file in result["files"]] == [8, 8, 4]
    assert [step["phase"] for step in job["steps"]] == ["extract", "collate"]
    arrays = read(service, job)
    assert arrays["body"].shape == (N, 16, 16, 6)
    assert arrays["deep"].shape == (N, 4, 4, 6)
    assert {array.dtype.kind for array in arrays.values()} == {"f", "U"}
    rows = service.rows(f"/v1/collections/{collection}/items")
    assert arrays["ids"].tolist() == [row["id"] for row in rows]
    assert arrays["names"].tolist() == list(files)
    expected = asked_at_once(service, list(files.values()), layout="nhwc")
    np.testing.assert_allclose(arrays["body"], expected, atol=1e-6)


def test_a_file_of_parquet_holds_tensors_of_the_same_numbers(
    service: EagerService, collection: str
) -> None:
    spec = {"collection": collection, "layers": ["body"], "pool": "mean"}
    job = extract(service, **spec, format="parquet")
    expected = read(service, extract(service, **spec))

    tables = [
        pyarrow.parquet.read_table(io.BytesIO(fetch(service, job, file["number"])))
        for file in job["result"]["files"]
    ]

    ids = [one for table in tables for one in table["id"].to_pylist()]
    assert ids == expected["ids"].tolist()
    columns = [table["body"].combine_chunks() for table in tables]
    found = np.concatenate([column.to_numpy_ndarray() for column in columns])
    assert found.shape == (N, 6)
    np.testing.assert_array_equal(found, expected["body"])


def test_a_dataset_gives_its_labels_beside_the_features(service: EagerService) -> None:
    dataset = service.dataset()
    labelled = pictures.labelled()
    service.client.post(
        f"/v1/datasets/{dataset}/items",
        data=pictures.zipped(labelled),
        content_type="application/zip",
    )

    arrays = read(
        service, extract(service, dataset=dataset, model=tiny.MODEL, layers=["pool"], pool="mean")
    )

    assert arrays["pool"].shape == (len(labelled), 6)
    assert arrays["labels"].tolist() == [name.partition("/")[0] for name in arrays["names"]]


def test_a_picture_that_cannot_be_read_fails_alone_and_a_retry_adds_it(
    service: EagerService,
) -> None:
    url = service.collection(model=tiny.MODEL)
    images = [pictures.picture(7100 + seed) for seed in range(3)]
    service.send(url, [(f"{place}.png", image) for place, image in enumerate(images)])
    with whose_bytes_are_damaged(service, images[1]):
        job = extract(service, collection=url.rpartition("/")[2], layers=["pool"])

    assert job["state"] == "succeeded"
    assert (job["result"]["items"], job["result"]["failed"]) == (2, 1)
    assert service.failures(job)["1.png"][0] == "damaged_file"
    assert read(service, job)["names"].tolist() == ["0.png", "2.png"]

    again = service.client.post(f"/v1/jobs/{job['id']}/retry").get_json()

    assert (again["result"]["items"], again["result"]["failed"]) == (3, 0)
    assert again["result"]["files"][0] == job["result"]["files"][0]
    assert read(service, again)["names"].tolist() == ["0.png", "2.png", "1.png"]


@contextmanager
def whose_bytes_are_damaged(service: EagerService, image: bytes) -> Iterator[None]:
    sha256 = hashlib.sha256(image).hexdigest()
    with service.context.catalog.read() as session:
        found = contents.get_contents(session, [sha256])[sha256]
    with changed(service.context.blobs.local_path(found.pack_key), at=found.offset):
        yield


@contextmanager
def changed(path: Path, *, at: int) -> Iterator[None]:
    """A file with one byte of another value, for a while."""
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    yield
    path.write_bytes(whole)


def test_texts_among_the_items_fail_and_the_pictures_do_not(
    zoo_service: ZooService, service: EagerService
) -> None:
    zoo_service.install_backbone(tiny_texts.plugin, name=tiny_texts.NAME)
    url = service.collection(model=tiny_texts.CAPTIONS)
    service.send(url, [("a.png", pictures.picture(7200)), ("b.txt", b"something red")])

    job = extract(service, collection=url.rpartition("/")[2], layers=["stem"])

    assert read(service, job)["names"].tolist() == ["a.png"]
    assert service.failures(job) == {
        "b.txt": ("not_an_image", "it is a text, and features are of pictures")
    }


def test_layers_and_sources_that_do_not_exist_are_refused_before_any_job(
    service: EagerService, collection: str
) -> None:
    empty_set, empty = service.dataset(), service.collection(model=tiny.MODEL)
    good = {"collection": collection, "layers": ["deep"]}
    cases = [
        ({"layers": ["boddy"]}, 422, "unknown_layer"),
        ({"layers": []}, 422, "invalid"),
        ({"layers": "deep"}, 422, "invalid"),
        ({"dataset": empty_set}, 422, "invalid"),
        ({"collection": None}, 422, "invalid"),
        ({"collection": None, "dataset": empty_set, "model": tiny.MODEL}, 409, "dataset_empty"),
        ({"collection": empty.rpartition("/")[2]}, 409, "collection_empty"),
        ({"collection": f"{collection}x"}, 404, "unknown_collection"),
        ({"collection": None, "dataset": "nothing"}, 404, "unknown_dataset"),
        ({"model": "tiny.colour"}, 404, "unknown_model"),
        ({"format": "csv"}, 422, "invalid"),
    ]
    before = service.get("/v1/jobs?limit=1")["data"]
    for change, status, code in cases:
        body = {"type": "extract", "spec": {**good, **change}}
        answer = service.client.post("/v1/jobs", json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (status, code), change
    assert service.get("/v1/jobs?limit=1")["data"] == before


def test_the_type_is_listed_with_its_schema(service: EagerService) -> None:
    listed = service.get("/v1/job-types/extract")
    assert listed["submit"] == "POST /v1/jobs"
    assert listed["schema"]["required"] == ["layers"]
    assert listed["schema"]["properties"]["format"]["enum"] == ["npz", "parquet"]


def test_a_file_that_is_not_there_or_damaged_is_not_sent(
    service: EagerService, collection: str
) -> None:
    job = extract(service, collection=collection, layers=["pool"])
    url = f"/v1/jobs/{job['id']}/files"
    missing = service.client.get(f"{url}/3")
    assert (missing.status_code, missing.get_json()["code"]) == (404, "unknown_file")
    assert missing.get_json()["detail"] == (
        f"job {job['id']} has no file 3; it has 3, counted from 0"
    )

    key = job["result"]["files"][1]["key"]
    with changed(service.context.blobs.local_path(key), at=100):
        damaged = service.client.get(f"{url}/1")
        problems = check_home(service.settings)

    assert (damaged.status_code, damaged.get_json()["code"]) == (500, "damaged_file")
    assert [one for one in problems if key in one]
    assert not [one for one in check_home(service.settings) if key in one]
