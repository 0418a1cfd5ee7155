import io
from dataclasses import asdict
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.labelled import seal_version
from tests.serving import register_pets, to_detail
from zoo.catalog import Catalog, jobs, shards
from zoo.jobs.intake import submit_describe
from zoo.jobs.specs import FineTuneSpec
from zoo.predictor import BackboneRef
from zoo_api import fine_tuning

SPEC = {"dataset": "pets", "model": "lite.tiny", "name": "mine"}


def fine_tune(client: FlaskClient, **changed: object) -> TestResponse:
    return client.post("/v1/jobs", json={"type": "fine_tune", "spec": {**SPEC, **changed}})


def ingest(client: FlaskClient, name: str = "other") -> dict[str, Any]:
    client.put(f"/v1/datasets/{name}", json={})
    form = {"files": [(io.BytesIO(b"x"), "x.jpg"), (io.BytesIO(b""), "none")], "label": "cat"}
    return dict(client.post(f"/v1/datasets/{name}/items", data=form).get_json())


@pytest.fixture
def pets(catalog: Catalog) -> None:
    """A dataset of two labels in two versions."""
    seal_version(catalog, "pets", {"cat": 2, "dog": 2})
    seal_version(catalog, "pets", {"cat": 1})


@pytest.mark.usefixtures("pets")
def test_a_fine_tune_is_queued_with_all_that_was_resolved(
    client: FlaskClient, catalog: Catalog
) -> None:
    answer = fine_tune(client)

    assert answer.status_code == 202
    job = answer.get_json()
    assert (job["type"], job["state"], job["progress"]["phase"]) == ("fine_tune", "queued", "plan")
    assert job["spec"] == asdict(FineTuneSpec(**SPEC))
    defaults = {"dataset_version": None, "strategy": "head_only", "l2": None, "seed": 0}
    assert job["spec"].items() >= {**SPEC, **defaults}.items()
    detail = to_detail(BackboneRef(plugin="lite", architecture="tiny", weights="in1k"))
    with catalog.read() as session:
        record = jobs.get_job(session, job["id"])
        is_planned = shards.has_kind(session, job["id"], "plan")
    assert record is not None
    assert is_planned
    assert record.work == {
        "dataset_id": 1,
        "dataset_version": 2,
        "dataset_kind": "image",
        "backbone": "lite.tiny.in1k",
        "model": "lite.tiny.in1k",
        "parent": "lite.tiny.in1k",
        "untrained": None,
        "space_id": detail.space.space_id,
        "dim": 4,
        "weights_hash": detail.weights_hash,
        "is_random": False,
        "plans": [
            {"strategy": "head_only", "trained": [], "frozen": list(detail.blocks)},
        ],
        "final_queue": "cpu",
    }


@pytest.mark.usefixtures("pets")
def test_the_findings_are_looked_for_before_anyone_has_to_wait(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    found = fine_tuning.look_through
    monkeypatch.setattr(
        fine_tuning, "look_through", lambda *given: looked.append(given) or found(*given)
    )
    assert fine_tune(client).status_code == 202
    assert len(looked) == 1


@pytest.mark.usefixtures("pets")
def test_an_older_dataset_version_may_be_named(client: FlaskClient, catalog: Catalog) -> None:
    job = fine_tune(client, dataset_version=1).get_json()
    with catalog.read() as session:
        record = jobs.get_job(session, job["id"])
    assert record is not None
    assert record.work["dataset_version"] == 1


@pytest.mark.usefixtures("pets")
@pytest.mark.parametrize(
    ("changed", "status", "code", "detail"),
    [
        ({"dataset": "pet"}, 404, "unknown_dataset", "no dataset 'pet'; did you mean 'pets'?"),
        (
            {"dataset_version": 7},
            404,
            "unknown_version",
            "no version 7 of dataset 'pets'; its newest is 2",
        ),
        (
            {"model": "lite.tiny.in2k"},
            404,
            "unknown_model",
            "no model 'lite.tiny.in2k'; did you mean",
        ),
        ({"model": "mypets"}, 404, "unknown_model", "no model 'mypets'"),
        ({"name": "My.Pets"}, 422, "invalid_name", "model name 'My.Pets' is not allowed; "),
        ({"strategy": "best"}, 422, "invalid", "strategy: Input should be 'head_only', 'last"),
        ({"l2": 0}, 422, "invalid", "l2: Input should be greater than 0"),
        ({"seed": -1}, 422, "invalid", "seed: Input should be greater than or equal to 0"),
        ({"speed": 1}, 422, "invalid", "speed: unknown field"),
    ],
)
def test_what_can_be_known_is_refused_before_anything_is_queued(
    client: FlaskClient, changed: dict[str, object], status: int, code: str, detail: str
) -> None:
    answer = fine_tune(client, **changed)
    problem = answer.get_json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert problem["detail"].startswith(detail)
    assert client.get("/v1/jobs").get_json()["data"] == []


@pytest.mark.usefixtures("pets")
def test_training_goes_on_from_a_version_that_is_known(
    client: FlaskClient, catalog: Catalog
) -> None:
    register_pets(catalog, job_id="job_1")
    going_on = fine_tune(client, model="pets")
    unknown = fine_tune(client, model="pets:2")

    assert going_on.status_code == 202
    assert (unknown.status_code, unknown.get_json()["code"]) == (404, "unknown_version")
    assert unknown.get_json()["detail"] == (
        "no version 2 of model 'pets'; its newest version is 1"
    )


def test_a_dataset_without_items_is_not_yet_to_be_trained_on(client: FlaskClient) -> None:
    client.put("/v1/datasets/pets", json={})
    answer = fine_tune(client)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "dataset_empty")
    assert answer.get_json()["detail"] == (
        "dataset 'pets' has no items yet; send some and wait for their job"
    )


def test_one_label_is_nothing_to_tell_apart(client: FlaskClient, catalog: Catalog) -> None:
    seal_version(catalog, "pets", {"cat": 9})
    answer = fine_tune(client)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "too_few_classes")
    assert answer.get_json()["detail"] == (
        "dataset 'pets', version 1: there is one label only, 'cat'; "
        "a classifier needs at least two; of an archive the top folders are the labels, so pack "
        "what is in the folder that holds theirs, not that folder"
    )


@pytest.mark.parametrize(
    ("kind", "code", "detail"),
    [
        (
            "fine_tunes",
            "unknown_job_type",
            "no job type 'fine_tunes'; did you mean 'fine_tune'?",
        ),
        (
            "ingest",
            "not_submittable",
            "jobs of type 'ingest' are made by sending items, not by POST /v1/jobs",
        ),
    ],
)
def test_a_type_that_cannot_be_submitted_says_what_can(
    client: FlaskClient, kind: str, code: str, detail: str
) -> None:
    answer = client.post("/v1/jobs", json={"type": kind, "spec": {}})
    assert answer.status_code == 422
    assert (answer.get_json()["code"], answer.get_json()["detail"]) == (code, detail)


def test_a_types_schema_refuses_other_fields_as_the_route_does(client: FlaskClient) -> None:
    for name in ("extract", "fine_tune", "ingest"):
        schema = client.get(f"/v1/job-types/{name}").get_json()["schema"]
        assert schema["additionalProperties"] is False


@pytest.mark.usefixtures("pets")
def test_jobs_are_filtered_by_type_and_state_and_paged_newest_first(client: FlaskClient) -> None:
    made = [ingest(client)["id"], fine_tune(client).get_json()["id"], ingest(client)["id"]]
    client.post(f"/v1/jobs/{made[0]}/cancel")

    def ids(query: str) -> list[str]:
        return [row["id"] for row in client.get(f"/v1/jobs?{query}").get_json()["data"]]

    assert ids("") == made[::-1]
    assert ids("type=ingest") == [made[2], made[0]]
    assert ids("type=ingest&state=queued") == [made[2]]
    assert ids("state=cancelled") == [made[0]]
    page = client.get("/v1/jobs?limit=2").get_json()
    assert ids(f"limit=2&cursor={page['next_cursor']}") == [made[0]]


def test_the_zoos_own_jobs_are_listed_only_where_their_type_is_asked_for(
    client: FlaskClient, catalog: Catalog
) -> None:
    with catalog.write() as session:
        submit_describe(session, "lite")
    assert client.get("/v1/jobs").get_json()["data"] == []
    assert len(client.get("/v1/jobs?type=describe").get_json()["data"]) == 1


def test_what_became_of_each_file_is_listed_by_state(client: FlaskClient) -> None:
    url = f"/v1/jobs/{ingest(client)['id']}/items"
    rows = client.get(url).get_json()["data"]
    assert [(row["name"], row["state"]) for row in rows] == [
        ("x.jpg", "queued"),
        ("none", "failed"),
    ]
    [failed] = client.get(f"{url}?state=failed").get_json()["data"]
    assert failed == {
        "name": "none",
        "item_id": None,
        "state": "failed",
        "error": {"code": "empty_file", "detail": "the file is empty"},
    }
    assert client.get(f"{url}?state=lost").status_code == 422


def test_a_retry_with_a_key_makes_one_job(client: FlaskClient) -> None:
    old = ingest(client)["id"]
    client.post(f"/v1/jobs/{old}/cancel")
    again = [
        client.post(f"/v1/jobs/{old}/retry", headers={"Idempotency-Key": "k"}).get_json()
        for _ in range(2)
    ]
    assert again[0]["id"] == again[1]["id"] != old
    assert again[0]["parent_job_id"] == old


def test_a_job_that_is_not_there_is_unknown_to_every_route(client: FlaskClient) -> None:
    for method, path in (
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/items"),
        ("POST", "/cancel"),
        ("POST", "/retry"),
    ):
        answer = client.open(f"/v1/jobs/job_none{path}", method=method)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_job"), path
