import re

import pytest
from flask.testing import FlaskClient

from tests.promised import document


def test_the_document_is_served_and_kept_by_its_etag(client: FlaskClient) -> None:
    answer = client.get("/openapi.json")
    assert answer.get_json() == document()
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")


def test_the_page_needs_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.mimetype == "text/html"
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.get_data(as_text=True))
    assert len(parts) == 4
    for part in parts:
        answer = client.get(f"/{part}")
        assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")
        assert len(answer.get_data()) > 100


def test_the_page_runs_its_own_scripts_alone(client: FlaskClient) -> None:
    page = client.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; connect-src 'self'" in policy
    assert not re.search(r"<script(?! src=)|\son\w+=|style=", page.get_data(as_text=True))


@pytest.mark.parametrize("asset", ["VERSION", "swagger-ui.js", "..%2f__init__.py", "x"])
def test_only_the_page_s_own_parts_are_served(client: FlaskClient, asset: str) -> None:
    answer = client.get(f"/docs/{asset}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_route")
