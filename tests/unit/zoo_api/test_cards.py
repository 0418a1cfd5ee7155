import pytest
from flask.testing import FlaskClient

from tests.reported import register_reported
from tests.serving import register_pets
from zoo.catalog import Catalog

CARD = "/v1/models/zebras/versions/1/card"


@pytest.mark.parametrize(
    ("query", "accept", "media"),
    [
        ("", None, "application/json"),
        ("", "*/*", "application/json"),
        ("", "text/markdown", "text/markdown"),
        ("?format=markdown", None, "text/markdown"),
        ("?format=json", "text/markdown", "application/json"),
    ],
)
def test_a_card_comes_in_the_form_that_is_asked_for(
    client: FlaskClient, catalog: Catalog, query: str, accept: str | None, media: str
) -> None:
    register_reported(catalog, "zebras")
    answer = client.get(CARD + query, headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.mimetype) == (200, media)
    assert "zebras:1" in answer.get_data(as_text=True)


def test_a_version_that_was_made_before_reports_has_a_card(
    client: FlaskClient, catalog: Catalog
) -> None:
    register_pets(catalog, job_id="old")
    card = client.get("/v1/models/pets/versions/1/card").get_json()
    assert (card["model_name"], card["warnings"]) == ("pets:1", [])
    assert client.get("/v1/models/pets/versions/1/card?format=markdown").status_code == 200


def test_a_form_that_there_is_not_is_refused(client: FlaskClient, catalog: Catalog) -> None:
    register_reported(catalog, "zebras")
    answer = client.get(f"{CARD}?format=pdf")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")
    missing = client.get("/v1/models/zebras/versions/9/card")
    assert (missing.status_code, missing.get_json()["code"]) == (404, "unknown_version")
