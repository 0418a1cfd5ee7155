from pathlib import Path

from flask.testing import FlaskClient

from zoo import __version__
from zoo.settings import load_settings
from zoo_api.app import create_app


def test_the_service_says_what_it_is(client: FlaskClient) -> None:
    body = client.get("/").get_json()
    assert (body["name"], body["version"]) == ("featurezoo", __version__)


def test_a_service_with_its_schema_is_ready(client: FlaskClient) -> None:
    assert client.get("/livez").get_json() == {"status": "alive"}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ready",
        "parts": {
            "database": "ready",
            "broker": "starting",
            "keeper": "starting",
            "worker": "starting",
            "predictor": "ready",
            "disk": "ready",
        },
    }


def test_a_service_without_its_schema_lives_but_is_not_ready(tmp_path: Path) -> None:
    client = create_app(load_settings({}, home=tmp_path)).test_client()
    assert client.get("/livez").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json() == {
        "status": "down",
        "parts": {"database": "the database does not answer: no such table: alembic_version"},
    }
