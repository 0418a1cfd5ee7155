"""Datasets from whatever has labels, and a round of corrections on one."""

import io
import json

import pytest

from tests.pictures import picture, zipped
from zoo.names import new_id
from zoo.testing import tiny, tiny_texts
from zoo.testing.asking import Json
from zoo.testing.service import ZooService

PNG = "image/png"


@pytest.fixture(scope="module")
def service(zoo_service: ZooService) -> ZooService:
    zoo_service.install_backbone(tiny.plugin, name=tiny.NAME)
    zoo_service.install_backbone(tiny_texts.plugin, name=tiny_texts.NAME)
    return zoo_service


def send(service: ZooService, dataset: str, body: object) -> Json:
    answer = service.client.post(f"/v1/datasets/{dataset}/items", json=body)
    assert answer.status_code == 202, answer.get_json()
    return service.job(answer.get_json()["id"])


def examples(service: ZooService, dataset: str, version: int) -> dict[str, Json]:
    rows = service.rows(f"/v1/datasets/{dataset}/versions/{version}/items")
    return {row["name"]: row for row in rows}


def manifest(*rows: Json) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_a_manifest_gives_labels_splits_ids_and_metadata(service: ZooService) -> None:
    d = service.dataset()
    rows = [
        {"path": "a.png", "label": "cat", "split": "train", "camera": "old", "id": "a-1"},
        {"path": "b.png", "label": "dog", "split": "test", "camera": "new"},
    ]
    files = {"labels.jsonl": manifest(*rows), "a.png": picture(1), "b.png": picture(2)}
    service.add_labelled(d, files)

    found = examples(service, d, 1)
    assert found["a.png"]["id"] == "a-1"
    assert (found["a.png"]["label"], found["a.png"]["split"]) == ("cat", "train")
    assert found["b.png"]["metadata"] == {"camera": "new"}
    url = f"/v1/datasets/{d}/versions/1"
    assert [row["id"] for row in service.rows(f"{url}/items?split=train")] == ["a-1"]
    assert [row["name"] for row in service.rows(f"{url}/items?label=dog")] == ["b.png"]
    shown = service.client.get(f"{url}/items/a-1/image")
    assert shown.data == picture(1)
    assert service.client.get(f"{url}/items/a-1/text").get_json()["code"] == "not_text"


def test_a_collection_gives_its_labelled_items(service: ZooService) -> None:
    c, d = service.collection(model=tiny.MODEL), service.dataset()
    service.ingest(c, {f"{n}.png": picture(10 + n) for n in range(4)})
    items = {item["name"]: item["id"] for item in service.items(c)}
    for name, change in (
        ("0.png", {"label": "cat", "metadata": {"split": "test", "page": 3}}),
        ("1.png", {"label": "dog"}),
        ("2.png", {"metadata": {"species": 7}}),
    ):
        service.client.patch(f"/v1/collections/{c}/items/{items[name]}", json=change)

    by_label = send(service, d, {"source": {"collection": c}})
    by_field = send(service, d, {"source": {"collection": c, "label": "species"}})

    counts = {"embedded": 0, "failed": 0}
    assert by_label["result"] == {**counts, "reused": 2, "unlabelled": 2, "dataset_version": 1}
    assert by_field["result"] == {**counts, "reused": 1, "unlabelled": 3, "dataset_version": 2}
    found = examples(service, d, 2)
    assert {name: row["label"] for name, row in found.items()} == {
        "0.png": "cat",
        "1.png": "dog",
        "2.png": "7",
    }
    assert found["0.png"]["id"] == items["0.png"]
    assert (found["0.png"]["split"], found["0.png"]["metadata"]) == ("test", {"page": 3})


def test_a_collection_without_a_label_fills_nothing_and_says_why(service: ZooService) -> None:
    c, d = service.collection(model=tiny.MODEL), service.dataset()
    service.ingest(c, {"0.png": picture(20)})
    job = send(service, d, {"source": {"collection": c}})
    assert job["error"] == {
        "code": "no_item_succeeded",
        "detail": "none of the 1 items of the collection has a label; PATCH some, or name as "
        "source.label the metadata field that is one",
    }


def test_a_round_of_corrections_makes_one_version(service: ZooService) -> None:
    d = service.dataset()
    service.add_labelled(d, {f"{x}/{n}.png": picture(30 + n) for n, x in enumerate("ccdd")})
    ids = {row["name"]: row["id"] for row in service.rows(f"/v1/datasets/{d}/items")}
    url = f"/v1/datasets/{d}/items"
    relabelled = service.client.patch(f"{url}/{ids['c/0.png']}", json={"label": "d"})
    service.client.patch(f"{url}/{ids['c/1.png']}", json={"split": "test"})
    assert service.client.delete(f"{url}/{ids['d/2.png']}").status_code == 204

    assert relabelled.get_json()["label"] == "d"
    assert service.get(f"/v1/datasets/{d}")["changes"] == 3
    sealed = service.client.post(f"/v1/datasets/{d}/versions")
    again = service.client.post(f"/v1/datasets/{d}/versions")

    assert (sealed.status_code, again.status_code) == (201, 200)
    assert sealed.get_json() == again.get_json()
    assert (sealed.get_json()["version"], sealed.get_json()["labels"]) == (2, {"c": 1, "d": 2})
    assert service.get(f"/v1/datasets/{d}/versions/1")["labels"] == {"c": 2, "d": 2}
    diff = service.get(f"/v1/datasets/{d}/versions/2/diff")
    kinds = ("added", "removed", "relabelled", "moved", "replaced", "described")
    assert [diff[kind]["count"] for kind in kinds] == [0, 1, 1, 1, 0, 0]
    [change] = diff["relabelled"]["first"]
    assert (change["before"]["label"], change["after"]["label"]) == ("c", "d")
    assert diff["labels"] == {"c": -1}
    assert [row["version"] for row in service.rows(f"/v1/datasets/{d}/versions")] == [2, 1]


def test_a_classifier_of_texts_is_trained_and_asked(service: ZooService) -> None:
    d, name = service.dataset(), new_id("mood")
    words = {"good": ("fine", "lovely"), "bad": ("poor", "broken")}
    rows = [
        f'"{word} thing number {n}",{label}'
        for label, some in words.items()
        for word in some
        for n in range(8)
    ]
    table = "\n".join(["text,label", *rows, "no label,"]).encode()
    form = {"files": (io.BytesIO(table), "reviews.csv")}
    ingest = service.client.post(f"/v1/datasets/{d}/items", data=form).get_json()
    job = send(service, d, {"items": [{"text": "so fine", "label": "good", "split": "train"}]})

    assert service.job(ingest["id"])["result"]["failed"] == 1
    assert job["result"]["dataset_version"] == 2
    assert service.get(f"/v1/datasets/{d}")["kind"] == "text"
    tuned = service.fine_tune(d, model=tiny_texts.WORDS, name=name)
    assert tuned["state"] == "succeeded", tuned["error"]
    asked = {"model": name, "input": ["a fine thing", "a poor thing"], "top_k": 2}
    answer = service.post_json("/v1/classify", asked)
    assert {label["label"] for label in answer["data"][0]["labels"]} == {"good", "bad"}
    refused = service.client.post("/v1/classify", data=picture(1), content_type=PNG,
                                  query_string={"model": name})  # fmt: skip
    assert refused.get_json()["code"] == "images_not_supported"


def test_a_dataset_holds_pictures_or_texts(service: ZooService) -> None:
    texts, pictures = service.dataset(), service.dataset()
    send(service, texts, {"items": [{"text": "one", "label": "a"}]})
    service.add_labelled(pictures, {"a/1.png": picture(50)})

    job = service.add_labelled(texts, {"a/1.png": picture(50), "a/2.txt": b"two"})
    refused = service.client.post(
        f"/v1/datasets/{pictures}/items", json={"items": [{"text": "one", "label": "a"}]}
    )
    wrong = {"dataset": texts, "model": tiny.MODEL, "name": "wrong"}

    [failed] = service.rows(f"/v1/jobs/{job['id']}/items?state=failed")
    assert (failed["name"], failed["error"]["code"]) == ("a/1.png", "not_text")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "dataset_exists")
    send(service, texts, {"items": [{"text": f"b {n}", "label": "b"} for n in range(2)]})
    answer = service.client.post("/v1/jobs", json={"type": "fine_tune", "spec": wrong})
    assert answer.get_json()["code"] == "text_not_supported"
    put = service.client.put(f"/v1/datasets/{texts}", json={"kind": "image"})
    assert (put.status_code, put.get_json()["code"]) == (409, "dataset_exists")


def test_labelled_folders_of_text_files_need_a_dataset_made_for_texts(
    service: ZooService,
) -> None:
    d = service.dataset()
    files = {"pos/1.txt": b"good", "neg/1.txt": b"bad"}
    first = service.client.post(
        f"/v1/datasets/{d}/items", data=zipped(files), content_type="application/zip"
    ).get_json()
    made = service.client.put(f"/v1/datasets/{d}", json={"kind": "text"})
    service.add_labelled(d, files)

    assert service.job(first["id"])["error"]["code"] == "no_item_succeeded"
    assert (made.status_code, made.get_json()["kind"]) == (200, "text")
    assert service.get(f"/v1/datasets/{d}")["labels"] == {"neg": 1, "pos": 1}
    [row] = service.rows(f"/v1/datasets/{d}/versions/1/items?label=pos")
    text = service.client.get(f"/v1/datasets/{d}/versions/1/items/{row['id']}/text")
    assert text.data == b"good"
