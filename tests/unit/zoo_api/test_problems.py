import errno

import pytest
from flask import Flask
from flask.testing import FlaskClient

from zoo.errors import (
    ClaimLostError,
    ConflictError,
    DamagedError,
    ImageError,
    InvalidError,
    NotFoundError,
    PluginError,
    StartError,
    UnavailableError,
    WeightsUnavailableError,
    ZooError,
)
from zoo_api.problems import register, status_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFoundError("x"), 404),
        (InvalidError("x"), 422),
        (ImageError("x"), 422),
        (ConflictError("x"), 409),
        (ClaimLostError("x"), 409),
        (PluginError("x", plugin="p"), 422),
        (WeightsUnavailableError("x", plugin="p"), 422),
        (UnavailableError("x"), 503),
        (DamagedError("x"), 500),
        (StartError("x"), 500),
        (InvalidError("x", code="malformed_json"), 400),
        (InvalidError("x", code="foreign_host"), 403),
        (InvalidError("x", code="incompatible_space"), 409),
        (UnavailableError("x", code="queue_full"), 429),
        (UnavailableError("x", code="disk_full"), 507),
    ],
)
def test_each_error_has_its_status_by_its_code_or_its_class(error: ZooError, status: int) -> None:
    assert status_of(error) == status


@pytest.fixture
def failing() -> FlaskClient:
    """An application of which every route fails in its own way."""
    app = Flask("failing")
    register(app)
    raised: dict[str, Exception] = {
        "fault": RuntimeError("the password is 1234"),
        "later": UnavailableError("the predictor is busy", retry_after_s=7),
        "field": InvalidError("dim is 3, should be 4", code="wrong_dim", field="vector"),
        "near": NotFoundError("no model 'a'", nearest=["b", "c"]),
        "full": OSError(errno.ENOSPC, "No space left on device", "/srv/zoo/tmp/x"),
    }

    @app.get("/<name>")
    def fail(name: str) -> str:
        raise raised[name]

    @app.get("/v1/embeddings")
    def embed() -> str:
        raise raised["near"]

    return app.test_client()


def test_a_fault_of_ours_tells_nothing_of_the_inside(failing: FlaskClient) -> None:
    answer = failing.get("/fault")
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert "1234" not in answer.get_data(as_text=True)
    assert answer.get_json()["detail"] == (
        "something went wrong in the service; its log has the request id"
    )


def test_what_may_work_later_says_when(failing: FlaskClient) -> None:
    answer = failing.get("/later")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")


def test_a_wrong_field_stands_among_the_errors(failing: FlaskClient) -> None:
    answer = failing.get("/field").get_json()
    assert answer["errors"] == [
        {"field": "vector", "message": "dim is 3, should be 4", "code": "wrong_dim"}
    ]
    assert answer["type"] == "urn:zoo:problem:wrong_dim"
    assert answer["title"].startswith("Unprocessable")


def test_the_nearest_names_are_a_list(failing: FlaskClient) -> None:
    assert failing.get("/near").get_json()["nearest"] == ["b", "c"]


def test_openais_clients_find_their_own_member_in_embeddings_alone(failing: FlaskClient) -> None:
    assert failing.get("/v1/embeddings").get_json()["error"] == {
        "message": "no model 'a'",
        "type": "invalid_request_error",
        "param": None,
        "code": "not_found",
    }
    assert "error" not in failing.get("/near").get_json()


def test_a_full_disk_is_named_and_its_folder_is_not(failing: FlaskClient) -> None:
    answer = failing.get("/full")
    assert answer.status_code == 507
    assert answer.get_json()["code"] == "disk_full"
    assert answer.get_json()["detail"] == "cannot store what was sent: No space left on device"
