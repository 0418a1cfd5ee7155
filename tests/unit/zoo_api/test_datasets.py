import io

from flask.testing import FlaskClient

from tests.labelled import seal_version
from zoo.catalog import Catalog, inputs, jobs

URL = "/v1/datasets/pets"


def test_a_dataset_is_created_once_and_answered_the_same_again(client: FlaskClient) -> None:
    created, again = client.put(URL, json={}), client.put(URL, json={})
    assert (created.status_code, again.status_code) == (201, 200)
    body = created.get_json()
    assert body == again.get_json() == client.get(URL).get_json()
    assert body.pop("created_at").endswith("+00:00")
    empty = {"version": None, "items": 0, "labels": {}, "changes": 0}
    assert body == {"name": "pets", "kind": None, **empty}


def test_a_sealed_version_is_shown_with_its_labels_and_digest(
    client: FlaskClient, catalog: Catalog
) -> None:
    seal_version(catalog, "pets", {"cat": 2, "dog": 3})
    seal_version(catalog, "pets", {"cat": 1})

    body = client.get(URL).get_json()
    assert (body["version"], body["items"]) == (2, 6)
    assert body["labels"] == {"cat": 3, "dog": 3}
    first = client.get(f"{URL}/versions/1").get_json()
    assert (first["version"], first["items"], first["digest"]) == (1, 5, "d" * 64)
    assert first["labels"] == {"cat": 2, "dog": 3}


def test_a_version_that_is_not_there_says_the_newest(
    client: FlaskClient, catalog: Catalog
) -> None:
    seal_version(catalog, "pets", {"cat": 1})
    answer = client.get(f"{URL}/versions/2")
    assert answer.status_code == 404
    assert answer.get_json()["detail"] == "no version 2 of dataset 'pets'; its newest is 1"


def test_datasets_are_listed_by_name_and_deleted(client: FlaskClient) -> None:
    for name in ("b", "c", "a"):
        client.put(f"/v1/datasets/{name}", json={})
    page = client.get("/v1/datasets?limit=2").get_json()
    assert [row["name"] for row in page["data"]] == ["a", "b"]
    rest = client.get(f"/v1/datasets?cursor={page['next_cursor']}").get_json()
    assert [row["name"] for row in rest["data"]] == ["c"]
    assert client.delete("/v1/datasets/b").status_code == 204
    assert client.get("/v1/datasets/b").status_code == 404
    assert client.delete("/v1/datasets/b").get_json()["code"] == "unknown_dataset"


def test_a_single_file_takes_its_label_from_the_form(
    client: FlaskClient, catalog: Catalog
) -> None:
    client.put(URL, json={})
    form = {"files": (io.BytesIO(b"x"), "a.jpg"), "label": "cat"}
    job = client.post(f"{URL}/items", data=form).get_json()

    assert job["spec"] == {"collection": None, "dataset": "pets"}
    with catalog.read() as session:
        [given] = inputs.list_inputs(session, job["id"], after=-1, limit=9, state=None)
        record = jobs.get_job(session, job["id"])
    assert (given.label, given.state) == ("cat", "queued")
    assert record is not None
    assert (set(record.work), record.final_kind) == ({"dataset_id"}, "seal")


def test_a_single_file_without_a_label_is_a_failed_input(client: FlaskClient) -> None:
    client.put(URL, json={})
    answer = client.post(f"{URL}/items", data={"files": (io.BytesIO(b"x"), "a.jpg")})
    [row] = client.get(f"{answer.headers['Location']}/items").get_json()["data"]
    assert (row["state"], row["item_id"]) == ("failed", None)
    assert row["error"] == {
        "code": "no_label",
        "detail": (
            "the file has no label; send a form field 'label', or an archive of labelled folders"
        ),
    }


def test_a_form_field_that_is_unknown_is_refused(client: FlaskClient) -> None:
    client.put(URL, json={})
    form = {"files": (io.BytesIO(b"x"), "a.jpg"), "labels": "cat"}
    answer = client.post(f"{URL}/items", data=form)
    assert (answer.status_code, answer.get_json()["detail"]) == (422, "labels: unknown field")
    assert client.get("/v1/jobs").get_json()["data"] == []


def test_items_for_a_dataset_that_is_not_there_are_refused_with_the_nearest(
    client: FlaskClient,
) -> None:
    client.put(URL, json={})
    answer = client.post("/v1/datasets/pet/items", data=b"x", content_type="image/png")
    assert answer.status_code == 404
    assert answer.get_json()["detail"] == "no dataset 'pet'; did you mean 'pets'?"


def test_a_text_for_a_dataset_needs_a_label(client: FlaskClient) -> None:
    client.put(URL, json={})
    answer = client.post(f"{URL}/items", json={"items": [{"text": "fine"}]})
    assert (answer.status_code, answer.get_json()["detail"]) == (
        422,
        "items.0.label: Field required",
    )


def test_an_example_that_is_not_there_is_unknown_with_the_nearest(
    client: FlaskClient, catalog: Catalog
) -> None:
    seal_version(catalog, "pets", {"cat": 1})
    [row] = client.get(f"{URL}/items").get_json()["data"]
    wrong = f"{row['id'][:-1]}_"
    for answer in (
        client.get(f"{URL}/items/{wrong}"),
        client.patch(f"{URL}/items/{wrong}", json={"label": "dog"}),
        client.delete(f"{URL}/items/{wrong}"),
        client.get(f"{URL}/versions/1/items/{wrong}/image"),
    ):
        assert answer.status_code == 404
        assert answer.get_json()["nearest"] == [row["id"]]


def test_a_dataset_without_anything_has_nothing_to_seal(client: FlaskClient) -> None:
    client.put(URL, json={})
    answer = client.post(f"{URL}/versions")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "dataset_empty")


def test_the_first_version_differs_from_none_by_all_that_it_holds(
    client: FlaskClient, catalog: Catalog
) -> None:
    seal_version(catalog, "pets", {"cat": 22})
    diff = client.get(f"{URL}/versions/1/diff").get_json()
    assert (diff["old"], diff["new"], diff["labels"]) == (0, 1, {"cat": 22})
    assert (diff["added"]["count"], len(diff["added"]["first"])) == (22, 20)
    missing = client.get(f"{URL}/versions/1/diff?old=7")
    assert missing.get_json()["code"] == "unknown_version"


def test_a_validation_says_whether_a_version_can_be_trained_on(
    client: FlaskClient, catalog: Catalog
) -> None:
    seal_version(catalog, "pets", {"cat": 30, "dog": 1})
    body = client.get(f"{URL}/versions/1/validation").get_json()
    assert (body["is_trainable"], body["findings"][0]["severity"]) == (False, "error")
    assert [one["code"] for one in body["findings"]] == ["too_few_images", "unequal_classes"]
    seal_version(catalog, "pets", {"dog": 29})
    assert client.get(f"{URL}/versions/2/validation").get_json()["findings"] == []


def test_a_source_is_one_thing(client: FlaskClient) -> None:
    client.put(URL, json={})
    both = {"source": {"collection": "photos", "path": "/srv/photos"}}
    answer = client.post(f"{URL}/items", json=both)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_source")
    assert answer.get_json()["detail"] == "a source has either a path, a url or a collection"
