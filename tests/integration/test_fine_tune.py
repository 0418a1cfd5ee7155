"""From a zip of labelled folders to a model's version, its aliases and its answers."""

import base64
import hashlib
import io

import pytest
from PIL import Image
from safetensors.numpy import load

from tests.eager import LITE0, EagerService, Json
from tests.pictures import zipped

COLOURS = {"blue": (30, 40, 200), "green": (40, 190, 60), "red": (210, 40, 30)}


def plain(label: str, number: int) -> bytes:
    """A picture of about one colour, different for each number."""
    red, green, blue = COLOURS[label]
    image = Image.new("RGB", (32, 32), (red, min(255, green + number), blue))
    image.paste((number * 7 % 256, 0, 128), (number % 24, number % 13, number % 24 + 6, 16))
    stored = io.BytesIO()
    image.save(stored, "PNG")
    return stored.getvalue()


def labelled(*, a_label: int = 12, first: int = 0) -> dict[str, bytes]:
    return {
        f"{label}/{number}.png": plain(label, number)
        for label in COLOURS
        for number in range(first, first + a_label)
    }


def send_zip(service: EagerService, dataset: str, files: dict[str, bytes]) -> Json:
    answer = service.client.post(
        f"/v1/datasets/{dataset}/items", data=zipped(files), content_type="application/zip"
    )
    assert answer.status_code == 202
    return answer.get_json()


def fine_tune(service: EagerService, dataset: str, name: str, **more: object) -> Json:
    spec = {"dataset": dataset, "model": "lite.efficientnet_lite0", "name": name, **more}
    answer = service.client.post("/v1/jobs", json={"type": "fine_tune", "spec": spec})
    assert answer.status_code == 202, answer.get_json()
    return answer.get_json()


def classify(service: EagerService, model: str, content: bytes, **more: object) -> Json:
    given = f"data:;base64,{base64.b64encode(content).decode()}"
    answer = service.client.post("/v1/classify", json={"model": model, "input": given, **more})
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


@pytest.fixture(scope="module")
def colours(service: EagerService) -> str:
    """A dataset of three labels."""
    dataset = service.dataset()
    send_zip(service, dataset, labelled())
    return dataset


@pytest.fixture(scope="module")
def model(service: EagerService, colours: str) -> str:
    """A user's model with two versions."""
    for seed in (0, 1):
        job = fine_tune(service, colours, "colours", seed=seed)
        assert job["state"] == "succeeded", job["error"]
    return "colours"


def test_the_top_folders_are_the_labels_and_a_file_beside_them_has_none(
    service: EagerService,
) -> None:
    dataset = service.dataset()
    files = {**labelled(a_label=2), "stray.png": plain("red", 99)}
    job = send_zip(service, dataset, files)

    assert job["state"] == "succeeded"
    counts = [job["result"][state] for state in ("embedded", "reused", "failed")]
    assert (sum(counts), counts[-1]) == (7, 1)
    assert set(service.failures(job)) == {"stray.png"}
    assert service.failures(job)["stray.png"][0] == "no_label"
    known = service.get(f"/v1/datasets/{dataset}")
    assert (known["version"], known["items"]) == (1, 6)
    assert known["labels"] == {"blue": 2, "green": 2, "red": 2}


def test_a_version_is_immutable_and_the_next_has_another_digest(service: EagerService) -> None:
    dataset = service.dataset()
    send_zip(service, dataset, labelled(a_label=2))
    first = service.get(f"/v1/datasets/{dataset}/versions/1")
    send_zip(service, dataset, labelled(a_label=1, first=50))
    second = service.get(f"/v1/datasets/{dataset}/versions/2")

    assert service.get(f"/v1/datasets/{dataset}/versions/1") == first
    assert (first["items"], second["items"]) == (6, 9)
    assert first["digest"] != second["digest"]
    assert len(first["digest"]) == 64
    missing = service.client.get(f"/v1/datasets/{dataset}/versions/3")
    assert (missing.status_code, missing.get_json()["code"]) == (404, "unknown_version")


def test_the_same_examples_have_the_same_digest(service: EagerService) -> None:
    digests = []
    for _ in range(2):
        dataset = service.dataset()
        send_zip(service, dataset, labelled(a_label=2))
        digests.append(service.get(f"/v1/datasets/{dataset}/versions/1")["digest"])
    assert digests[0] == digests[1]


def test_a_form_field_labels_single_files(service: EagerService) -> None:
    dataset = service.dataset()
    part = (io.BytesIO(plain("red", 1)), "a.png", "application/octet-stream")
    answer = service.client.post(
        f"/v1/datasets/{dataset}/items", data={"files": part, "label": "red"}
    )
    assert answer.get_json()["state"] == "succeeded"
    assert service.get(f"/v1/datasets/{dataset}")["labels"] == {"red": 1}


def test_the_result_is_judged_on_images_that_were_held_out(
    service: EagerService, colours: str
) -> None:
    job = fine_tune(service, colours, service.fresh("judged"))

    result = job["result"]
    metrics = result["metrics"]
    assert result["version"] == f"{job['spec']['name']}:1"
    assert {"accuracy", "accuracy_interval", "ece", "n_test"} <= set(metrics)
    low, high = metrics["accuracy_interval"]
    assert 0.8 <= metrics["accuracy"] <= 1
    assert low <= metrics["accuracy"] <= high
    assert 0 <= metrics["ece"] <= 1
    matrix = result["confusion_matrix"]
    assert matrix["labels"] == ["blue", "green", "red"]
    assert sum(sum(row) for row in matrix["counts"]) == metrics["n_test"] > 0
    assert [step["phase"] for step in job["steps"]][-1] == "train"


def test_a_version_has_a_report_that_names_what_it_was_judged_by(
    service: EagerService, model: str
) -> None:
    version = service.get(f"/v1/models/{model}/versions/1")
    report = service.get(f"/v1/models/{model}/versions/1/report")
    assert report["metrics"] == version["metrics"]
    assert [one["label"] for one in report["classes"]] == version["labels"]
    assert sum(one["support"] for one in report["classes"]) == version["metrics"]["n_test"]
    assert report["calibration"]["method"] == "cross_validation"
    assert report["unfamiliarity"] is None  # what forwards in torch leaves no native head behind
    assert service.get(f"/v1/jobs/{version['job_id']}")["warnings"] == report["warnings"]


def test_nothing_is_forwarded_when_the_features_are_there(
    service: EagerService, colours: str
) -> None:
    fine_tune(service, colours, service.fresh("first"))
    before = service.n_embeddings()
    job = fine_tune(service, colours, service.fresh("again"))
    assert job["state"] == "succeeded"
    assert service.n_embeddings() == before
    assert "embed" not in [step["phase"] for step in job["steps"]]


def test_a_version_knows_where_it_comes_from(
    service: EagerService, colours: str, model: str
) -> None:
    digest = service.get(f"/v1/datasets/{colours}/versions/1")["digest"]
    versions = service.rows(f"/v1/models/{model}/versions")
    assert [version["name"] for version in versions] == ["colours:2", "colours:1"]
    assert service.get(f"/v1/models/{model}/versions/1") == {**versions[1], "detail": None}
    lineage = versions[0]["lineage"]
    assert lineage["backbone"] == versions[0]["backbone"] == LITE0
    assert (lineage["dataset"], lineage["dataset_version"]) == (colours, 1)
    assert (lineage["dataset_digest"], lineage["seed"]) == (digest, 1)
    assert lineage["job_id"] == versions[0]["job_id"]
    listed = {row["id"]: row for row in service.rows("/v1/models?kind=tuned")}
    assert listed[model]["owned_by"] == "user"
    assert service.get(f"/v1/models/{model}")["newest"] == versions[0]


def test_the_artifact_is_the_file_of_record(service: EagerService, model: str) -> None:
    url = f"/v1/models/{model}/versions/1"
    with service.client.get(f"{url}/artifact?format=safetensors") as answer:
        content = answer.get_data()
    assert hashlib.sha256(content).hexdigest() == service.get(url)["sha256"]
    assert {tensor.shape for tensor in load(content).values()} >= {(3, 1280), (3,)}
    refused = service.client.get(f"{url}/artifact?format=pickle")
    assert (refused.status_code, refused.get_json()["code"]) == (422, "unknown_format")


def test_an_alias_moves_only_when_asked_and_finds_its_way_back(
    service: EagerService, model: str
) -> None:
    url = f"/v1/models/{model}/aliases/champion"
    client = service.client
    for version in (1, 2):
        assert client.put(url, json={"version": version}).status_code == 200
    assert classify(service, f"{model}@champion", plain("red", 70))["model"] == "colours:2"
    assert client.post(f"{url}/rollback").get_json()["version"] == 1
    assert classify(service, f"{model}@champion", plain("red", 70))["model"] == "colours:1"
    moves = [(m["from_version"], m["to_version"]) for m in service.rows(f"{url}/history")]
    assert moves == [(2, 1), (1, 2), (None, 1)]
    assert service.get(f"/v1/models/{model}")["aliases"] == {"champion": 1}

    assert client.put(url, json={"version": 9}).status_code == 404
    assert client.delete(url).status_code == 204
    gone = client.post(
        "/v1/classify?model=colours@champion", data=plain("red", 1), content_type="image/png"
    )
    assert (gone.status_code, gone.get_json()["code"]) == (404, "unknown_alias")
    assert client.delete(url).status_code == 404
    moves = [(m["from_version"], m["to_version"]) for m in service.rows(f"{url}/history")]
    assert moves[0] == (1, None)


def test_a_gate_keeps_an_alias_from_what_is_not_good_enough(
    service: EagerService, model: str
) -> None:
    url = f"/v1/models/{model}/aliases/guarded"
    put = service.client.put
    passed = put(url, json={"version": 1, "gate": {"min_accuracy": 0.5}})
    refused = put(url, json={"version": 2, "gate": {"max_ece": 0.0}})
    on_others = put(url, json={"version": 2, "gate": {"not_below": "guarded", "margin": 1}})

    assert passed.status_code == 200
    assert (refused.status_code, refused.get_json()["code"]) == (409, "gate_failed")
    assert (on_others.status_code, on_others.get_json()["code"]) == (409, "not_comparable")
    moves = [(m["from_version"], m["to_version"]) for m in service.rows(f"{url}/history")]
    assert moves == [(None, 1)]
    assert service.client.delete(url).status_code == 204


def test_new_pictures_are_classified_by_name_version_and_native_head(
    service: EagerService, model: str
) -> None:
    for label in COLOURS:
        answer = classify(service, model, plain(label, 80), top_k=2)
        assert answer["model"] == "colours:2"
        [one] = answer["data"]
        assert one["labels"][0]["label"] == label
        assert len(one["labels"]) == 2
    assert classify(service, f"{model}:1", plain("red", 80))["model"] == "colours:1"
    native = classify(service, "lite.efficientnet_lite0", plain("red", 80), top_k=1000)
    probabilities = [label["probability"] for label in native["data"][0]["labels"]]
    assert sum(probabilities) == pytest.approx(1, abs=1e-4)
    assert probabilities == sorted(probabilities, reverse=True)


def test_what_cannot_be_trained_is_refused_before_any_job(
    service: EagerService, colours: str
) -> None:
    good = {"dataset": colours, "model": "lite.efficientnet_lite0", "name": "x"}
    empty = service.dataset()
    cases = [
        ({"dataset": f"{colours}s"}, 404, "unknown_dataset"),
        ({"model": "lite.efficientnet_lite9"}, 404, "unknown_model"),
        ({"dataset": empty}, 409, "dataset_empty"),
        ({"dataset_version": 7}, 404, "unknown_version"),
        ({"strategy": "magic"}, 422, "invalid"),
        ({"l2": -1}, 422, "invalid"),
        ({"colour": "red"}, 422, "invalid"),
        ({"name": "Not Allowed"}, 422, "invalid_name"),
    ]
    before = service.get("/v1/jobs?limit=1")["data"]
    for change, status, code in cases:
        body = {"type": "fine_tune", "spec": {**good, **change}}
        answer = service.client.post("/v1/jobs", json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (status, code), change
    near = service.client.post(
        "/v1/jobs", json={"type": "fine_tune", "spec": {**good, "dataset": f"{colours}s"}}
    )
    assert colours in near.get_json()["nearest"]
    for kind, code in (("fine_tunes", "unknown_job_type"), ("ingest", "not_submittable")):
        answer = service.client.post("/v1/jobs", json={"type": kind, "spec": {}})
        assert (answer.status_code, answer.get_json()["code"]) == (422, code)
    assert service.get("/v1/jobs?limit=1")["data"] == before
