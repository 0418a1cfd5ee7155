"""Versions that nobody wants any more: put away, taken back, deleted; never while in use."""

import pytest
from flask.testing import FlaskClient

from tests.serving import network_columns, register_pets
from tests.stock import Stock
from zoo.catalog import Catalog, jobs

PETS = "/v1/models/pets"


@pytest.fixture(autouse=True)
def pets(stock: Stock) -> None:
    """Three versions of `pets`, of which the first has a network of its own."""
    register_pets(stock.catalog, job_id="job_1", **network_columns("versions/network"))
    for number in (2, 3):
        register_pets(stock.catalog, job_id=f"job_{number}")


def listed(client: FlaskClient, query: str = "") -> list[int]:
    return [row["version"] for row in client.get(f"{PETS}/versions{query}").get_json()["data"]]


def add_job(catalog: Catalog, **changed: object) -> None:
    values = {"type": "fine_tune", "spec": {}, "work": {}, "final_kind": "train", "phase": "x"}
    with catalog.write() as session:
        jobs.add_job(session, "job_now", values={**values, **changed})


def refused(answer) -> str:
    assert (answer.status_code, answer.get_json()["code"]) == (409, "model_in_use")
    return answer.get_json()["detail"].partition("; ")[0]


def test_an_archived_version_is_neither_listed_nor_the_newest_and_comes_back(
    client: FlaskClient,
) -> None:
    archived = client.post(f"{PETS}/versions/3/archive")
    assert (archived.status_code, archived.get_json()["name"]) == (200, "pets:3")
    assert archived.get_json()["archived_at"] is not None
    assert listed(client) == [2, 1]
    assert listed(client, "?archived=true") == [3, 2, 1]
    assert client.get(PETS).get_json()["newest"]["name"] == "pets:2"
    assert client.get(f"{PETS}/versions/3").status_code == 200
    again = client.post(f"{PETS}/versions/3/archive")
    assert again.get_json()["archived_at"] == archived.get_json()["archived_at"]

    restored = client.post(f"{PETS}/versions/3/restore")
    assert (restored.status_code, restored.get_json()["archived_at"]) == (200, None)
    assert listed(client) == [3, 2, 1]


def test_an_alias_names_no_archived_version(client: FlaskClient) -> None:
    client.post(f"{PETS}/versions/3/archive")
    answer = client.put(f"{PETS}/aliases/champion", json={"version": 3})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "version_archived")
    assert answer.get_json()["detail"] == (
        "pets:3 is archived; restore it before an alias names it"
    )


def test_a_collection_begins_on_no_archived_version(client: FlaskClient) -> None:
    client.post(f"{PETS}/versions/1/archive")
    answer = client.put("/v1/collections/c", json={"model": "pets:1"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "version_archived")
    assert answer.get_json()["detail"] == (
        "pets:1 is archived; restore it before a collection is embedded with it"
    )
    client.post(f"{PETS}/versions/1/restore")
    assert client.put("/v1/collections/c", json={"model": "pets:1"}).status_code == 201


def test_a_model_of_which_all_is_archived_is_there_but_has_no_newest(client: FlaskClient) -> None:
    for number in (1, 2, 3):
        client.post(f"{PETS}/versions/{number}/archive")
    assert client.get(PETS).get_json()["newest"] is None
    answer = client.put("/v1/collections/c", json={"model": "pets"})
    assert answer.status_code == 404
    assert answer.get_json()["detail"] == (
        "no newest version of model 'pets'; all that it has are archived"
    )


def test_a_number_is_never_given_again(client: FlaskClient, catalog: Catalog) -> None:
    assert client.delete(f"{PETS}/versions/3").status_code == 204
    assert client.get(f"{PETS}/versions/3").status_code == 404
    register_pets(catalog, job_id="job_4")
    assert listed(client) == [4, 2, 1]

    assert client.delete(PETS).status_code == 204
    assert client.get(PETS).status_code == 404
    register_pets(catalog, job_id="job_5")
    assert listed(client) == [5]


def test_the_last_version_takes_the_model_with_it(client: FlaskClient) -> None:
    client.put(f"{PETS}/aliases/best", json={"version": 1})
    client.delete(f"{PETS}/aliases/best")
    for number in (1, 2, 3):
        assert client.delete(f"{PETS}/versions/{number}").status_code == 204
    assert "pets" not in [row["id"] for row in client.get("/v1/models").get_json()["data"]]


def test_what_an_alias_names_stays(client: FlaskClient) -> None:
    client.put(f"{PETS}/aliases/champion", json={"version": 2})
    for answer in (
        client.delete(f"{PETS}/versions/2"),
        client.post(f"{PETS}/versions/2/archive"),
    ):
        assert refused(answer) == "pets:2 is used by alias pets@champion"
    assert refused(client.delete(PETS)) == "pets is used by alias pets@champion"
    assert client.delete(f"{PETS}/versions/3").status_code == 204


def test_what_a_collection_is_embedded_with_stays(client: FlaskClient) -> None:
    for name in ("a", "b", "c", "d", "e"):
        client.put(f"/v1/collections/{name}", json={"model": "pets:1"})
    found = refused(client.delete(f"{PETS}/versions/1"))
    assert found == (
        "pets:1 is used by collection a, collection b, collection c, 2 more of that kind"
    )
    assert refused(client.delete(PETS)).startswith("pets is used by collection a")
    assert client.delete(f"{PETS}/versions/2").status_code == 204


def test_what_a_later_version_was_trained_on_stays_but_can_be_archived(
    client: FlaskClient, catalog: Catalog
) -> None:
    register_pets(catalog, job_id="job_4", backbone="pets:1:bf16")
    assert refused(client.delete(f"{PETS}/versions/1")) == "pets:1 is used by version pets:4"
    assert client.post(f"{PETS}/versions/1/archive").status_code == 200
    assert client.delete(f"{PETS}").status_code == 204


@pytest.mark.parametrize(
    ("changed", "users"),
    [
        ({"work": {"model": "pets:1"}}, {"/versions/1", ""}),
        ({"work": {"backbone": "pets:1:bf16", "parent": "pets:2"}},
         {"/versions/1", "/versions/2", ""}),
        ({"spec": {"name": "pets"}}, {""}),
        ({"type": "extract", "work": {"model": "pets:11"}}, {""}),
    ],
)  # fmt: skip
def test_what_a_running_job_needs_stays(
    client: FlaskClient, catalog: Catalog, changed: dict[str, object], users: set[str]
) -> None:
    add_job(catalog, **changed)
    for path in ("/versions/1", "/versions/2", ""):
        answer = client.delete(f"{PETS}{path}")
        assert (answer.status_code == 409) == (path in users)
        if path in users:
            assert refused(answer).endswith("is used by job job_now")


def test_rolling_back_to_what_is_gone_says_so(client: FlaskClient) -> None:
    for version in (1, 2):
        client.put(f"{PETS}/aliases/champion", json={"version": version})
    client.post(f"{PETS}/versions/1/archive")
    archived = client.post(f"{PETS}/aliases/champion/rollback")
    client.delete(f"{PETS}/versions/1")
    deleted = client.post(f"{PETS}/aliases/champion/rollback")
    assert [answer.get_json()["detail"] for answer in (archived, deleted)] == [
        "pets@champion named version 1 before, which is archived",
        "pets@champion named version 1 before, which is deleted",
    ]
    assert {answer.get_json()["code"] for answer in (archived, deleted)} == {
        "nothing_to_roll_back"
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/versions/1/archive"), ("POST", "/versions/1/restore"), ("DELETE", "/versions/1"),
     ("DELETE", "")],
)  # fmt: skip
def test_a_plugins_backbone_is_not_the_users_to_delete(
    client: FlaskClient, method: str, path: str
) -> None:
    answer = client.open(f"/v1/models/lite.tiny{path}", method=method)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "not_a_tuned_model")


def test_a_version_deleted_just_after_it_was_found_is_missed(client: FlaskClient) -> None:
    client.put("/v1/collections/a", json={"model": "pets:1"})
    client.delete("/v1/collections/a")
    assert client.delete(f"{PETS}/versions/1").status_code == 204
    answer = client.put("/v1/collections/b", json={"model": "pets:1"})
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_version")
