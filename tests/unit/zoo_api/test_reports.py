import json

from flask.testing import FlaskClient

from tests.reported import register_reported
from tests.serving import register_pets
from zoo.catalog import Catalog


def test_a_report_is_answered_as_it_was_kept(client: FlaskClient, catalog: Catalog) -> None:
    kept = register_reported(catalog, "zebras")
    answer = client.get("/v1/models/zebras/versions/1/report")
    assert answer.status_code == 200
    assert answer.get_json() == json.loads(json.dumps(kept))


def test_a_version_without_a_report_says_what_to_do(client: FlaskClient, catalog: Catalog) -> None:
    register_pets(catalog, job_id="old")
    answer = client.get("/v1/models/pets/versions/1/report")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "no_report")
    assert answer.get_json()["detail"] == (
        "version 1 of model 'pets' was made before reports were kept; fine-tune again to get one"
    )


def test_a_report_of_a_version_that_is_not_there_is_unknown(
    client: FlaskClient, catalog: Catalog
) -> None:
    register_reported(catalog, "zebras")
    for url, code in (
        ("/v1/models/zebras/versions/2/report", "unknown_version"),
        ("/v1/models/zebra/versions/1/report", "unknown_model"),
    ):
        answer = client.get(url)
        assert (answer.status_code, answer.get_json()["code"]) == (404, code)
