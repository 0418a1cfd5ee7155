import hashlib

import pytest
from flask.testing import FlaskClient

from tests.serving import FakePredictor, register_pets
from tests.stock import Stock
from zoo.catalog import models
from zoo.errors import UnavailableError, WeightsUnavailableError, ZooError
from zoo.predictor import BackboneDetail, BackboneRef

PETS = "/v1/models/pets"


@pytest.fixture
def pets(stock: Stock) -> None:
    """Three versions of `pets`, the third with a file."""
    content = b"weights"
    for number in range(1, 4):
        register_pets(stock.catalog, job_id=f"job_{number}")
    with stock.catalog.write() as session:
        models.add_version(
            session,
            "real",
            card={},
            values={
                "backbone": "lite.tiny.bare",
                "space_id": "5" * 64,
                "blob_key": "versions/real",
                "sha256": hashlib.sha256(content).hexdigest(),
                "size_bytes": len(content),
                "labels": ["cat"],
                "lineage": {},
                "metrics": {},
                "job_id": "job_real",
            },
        )
    stock.blobs.put_bytes("versions/real", content)


@pytest.mark.usefixtures("pets")
def test_models_are_listed_by_kind_in_the_shape_of_openai(client: FlaskClient) -> None:
    whole = client.get("/v1/models").get_json()
    assert (whole["object"], whole["next_cursor"]) == ("list", None)
    names = [row["id"] for row in whole["data"]]
    assert names == sorted(names)
    by_kind = {
        kind: [row["id"] for row in client.get(f"/v1/models?kind={kind}").get_json()["data"]]
        for kind in ("backbone", "tuned")
    }
    assert by_kind["tuned"] == ["pets", "real"]
    assert by_kind["backbone"] == ["lite.tiny.bare", "lite.tiny.in1k", "lite.tiny.random"]
    owners = {row["id"]: row["owned_by"] for row in whole["data"]}
    assert (owners["pets"], owners["lite.tiny.bare"]) == ("user", "lite")
    for row in whole["data"]:
        assert row["object"] == "model"
        assert isinstance(row["created"], int)


def test_a_kind_that_is_none_is_refused(client: FlaskClient) -> None:
    answer = client.get("/v1/models?kind=other")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "kind")


def test_a_backbone_is_shown_with_its_detail(client: FlaskClient) -> None:
    body = client.get("/v1/models/lite.tiny").get_json()
    assert (body["name"], body["kind"], body["is_default"]) == ("lite.tiny.in1k", "backbone", True)
    assert (body["detail"]["dim"], body["detail"]["labels"]) == (4, ["cat", "dog"])


@pytest.mark.parametrize(
    "error",
    [
        UnavailableError("the predictor does not answer", code="predictor_unavailable"),
        WeightsUnavailableError("tiny has no weights here; pip install tiny", plugin="lite"),
    ],
)
def test_a_backbone_that_cannot_be_built_is_shown_with_the_reason(
    client: FlaskClient,
    predictor: FakePredictor,
    monkeypatch: pytest.MonkeyPatch,
    error: ZooError,
) -> None:
    def refuse(_backbone: BackboneRef) -> BackboneDetail:
        raise error

    monkeypatch.setattr(predictor, "detail", refuse)
    answer = client.get("/v1/models/lite.tiny")
    body = answer.get_json()
    assert (answer.status_code, body["name"], body["detail"]) == (200, "lite.tiny.in1k", None)
    assert body["detail_error"] == {"code": error.code, "detail": error.detail}


@pytest.mark.usefixtures("pets")
def test_a_users_model_shows_its_newest_version_and_aliases(client: FlaskClient) -> None:
    client.put(f"{PETS}/aliases/champion", json={"version": 2})
    body = client.get(PETS).get_json()
    assert body["kind"] == "tuned"
    assert body["newest"]["name"] == "pets:3"
    assert body["aliases"] == {"champion": 2}


@pytest.mark.usefixtures("pets")
def test_versions_are_paged_newest_first(client: FlaskClient) -> None:
    page = client.get(f"{PETS}/versions?limit=2").get_json()
    assert [row["version"] for row in page["data"]] == [3, 2]
    rest = client.get(f"{PETS}/versions?limit=2&cursor={page['next_cursor']}").get_json()
    assert [row["version"] for row in rest["data"]] == [1]
    assert rest["next_cursor"] is None
    assert client.get(f"{PETS}/versions/2").get_json() == {
        **page["data"][1],
        "detail": None,
    }


@pytest.mark.usefixtures("pets")
def test_a_version_that_does_not_exist_says_which_is_the_newest(client: FlaskClient) -> None:
    for path in ("versions/9", "versions/9/artifact"):
        answer = client.get(f"{PETS}/{path}")
        assert answer.status_code == 404
        assert answer.get_json()["detail"] == (
            "no version 9 of model 'pets'; its newest version is 3"
        )
    assert client.get(f"{PETS}/versions/{10**30}").status_code == 404


@pytest.mark.usefixtures("pets")
def test_an_artifact_is_a_file_to_keep_with_its_checksum(client: FlaskClient) -> None:
    url = "/v1/models/real/versions/1/artifact"
    answer = client.get(f"{url}?format=safetensors", buffered=True)
    assert (answer.status_code, answer.get_data()) == (200, b"weights")
    assert answer.get_etag() == (hashlib.sha256(b"weights").hexdigest(), False)
    assert answer.headers["Content-Disposition"] == "attachment; filename=real-1.safetensors"
    known = {"If-None-Match": answer.headers["ETag"]}
    again = client.get(url, headers=known, buffered=True)
    assert (again.status_code, again.get_data()) == (304, b"")


@pytest.mark.usefixtures("pets")
def test_a_format_that_is_not_offered_is_refused(client: FlaskClient) -> None:
    answer = client.get("/v1/models/real/versions/1/artifact?format=pickle")
    assert answer.status_code == 422
    assert answer.get_json()["detail"] == (
        "format 'pickle' is not offered; use 'safetensors' or 'onnx'"
    )


@pytest.mark.usefixtures("pets")
def test_a_damaged_artifact_is_never_sent(client: FlaskClient, stock: Stock) -> None:
    stock.blobs.local_path("versions/real").write_bytes(b"weighty")
    answer = client.get("/v1/models/real/versions/1/artifact")
    assert (answer.status_code, answer.get_json()["code"]) == (500, "damaged_file")
    assert answer.get_json()["detail"] == "the file of real:1 is damaged"
