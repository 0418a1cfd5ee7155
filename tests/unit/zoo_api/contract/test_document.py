import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.promised import document
from zoo_api.contract.document import openapi

PARAMETER = re.compile(r"<(?:[a-z]+:)?")


def operations() -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, of_path in document()["paths"].items()
        for method, operation in of_path.items()
    }


def codes(operation: str, status: int) -> set[str]:
    content = operations()[operation]["responses"][str(status)]["content"]
    _, of_operation = content["application/problem+json"]["schema"]["allOf"]
    return set(of_operation["properties"]["code"]["enum"])


def test_every_route_is_described_and_no_other(client: FlaskClient) -> None:
    served = {
        f"{method} {PARAMETER.sub('{', rule.rule).replace('>', '}')}"
        for rule in client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert operations().keys() == served


def test_it_is_an_openapi_document() -> None:
    assert document()["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_a_view_without_a_contract_is_an_error() -> None:
    app = Flask("bare")
    app.add_url_rule("/bare", view_func=lambda: "", endpoint="bare")
    with pytest.raises(TypeError, match=r"^view <lambda> has no contract; declare it with"):
        openapi(app)


def test_names_are_those_of_the_glossary_and_not_of_python() -> None:
    names = document()["components"]["schemas"].keys()
    assert {"Job", "Item", "Collection", "Hit", "Model", "Plugin", "Problem", "JobPage"} <= names
    assert [name for name in names if not re.fullmatch(r"[A-Z][A-Za-z]+", name)] == []


def test_every_operation_says_what_it_is_and_has_a_name_of_its_own() -> None:
    ids = [operation["operationId"] for operation in operations().values()]
    assert len(set(ids)) == len(ids)
    assert all(operation["summary"].endswith(".") for operation in operations().values())


def test_every_operation_says_which_scope_a_key_needs_unless_it_is_open() -> None:
    needed = {
        name: [scopes[0] for one in operation["security"] for scopes in one.values()]
        for name, operation in operations().items()
    }
    assert needed["GET /v1/models"] == ["read", "read"]
    assert needed["POST /v1/collections/{name}/search"] == ["read", "read"]
    assert needed["POST /v1/jobs"] == ["submit", "submit"]
    assert needed["POST /v1/keys"] == ["admin", "admin"]
    assert {name for name, scopes in needed.items() if not scopes} == {
        "GET /", "GET /livez", "GET /readyz", "GET /openapi.json", "GET /docs",
        "GET /docs/{asset}", "POST /v1/session", "DELETE /v1/session",
    }  # fmt: skip
    assert "401" not in operations()["GET /livez"]["responses"]


def test_errors_are_told_by_status_with_their_codes() -> None:
    assert codes("PUT /v1/collections/{name}", 409) == {
        "collection_exists",
        "concurrent_change",
        "version_archived",
    }
    assert codes("GET /v1/jobs/{job_id}", 404) == {"unknown_job", "unknown_route"}
    assert codes("POST /v1/collections/{name}/items", 507) == {"disk_full"}
    assert "one_query_needed" in codes("POST /v1/collections/{name}/search", 422)
    assert codes("POST /v1/session", 401) == {"invalid_key"}


def test_pictures_come_in_three_forms() -> None:
    body = operations()["POST /v1/classify"]["requestBody"]["content"]
    assert body["application/json"]["schema"] == {"$ref": "#/components/schemas/ClassifyRequest"}
    form = body["multipart/form-data"]["schema"]
    assert form["properties"].keys() == {"image", "files", "model", "top_k"}
    assert body["image/*"]["schema"] == {"type": "string", "format": "binary"}
    named = {one["name"] for one in operations()["POST /v1/classify"]["parameters"]}
    assert named == {"model", "top_k"}


def test_accepted_work_tells_where_and_takes_its_headers() -> None:
    retry = operations()["POST /v1/jobs/{job_id}/retry"]
    assert retry["responses"]["202"]["headers"].keys() == {
        "X-Request-Id", "Location", "Preference-Applied"
    }  # fmt: skip
    asked = {one["$ref"].rpartition("/")[2] for one in retry["parameters"] if "$ref" in one}
    assert asked == {"Prefer", "Idempotency-Key"}
    assert "Retry-After" in retry["responses"]["429"]["headers"]


def test_a_job_is_asked_for_as_its_type_says(client: FlaskClient) -> None:
    kinds = document()["components"]["schemas"]["JobRequest"]["oneOf"]
    specs = {one["properties"]["type"]["const"]: one["properties"]["spec"] for one in kinds}
    assert {name: spec["required"] for name, spec in specs.items()} == {
        "extract": ["layers"],
        "fine_tune": ["dataset", "model", "name"],
    }
    for name, spec in specs.items():
        own = client.get(f"/v1/job-types/{name}").get_json()["schema"]["properties"]
        assert spec["properties"].keys() == own.keys()


def test_an_own_name_has_its_pattern() -> None:
    [name, *_] = operations()["PUT /v1/datasets/{name}"]["parameters"]
    assert (name["name"], name["in"]) == ("name", "path")
    assert name["schema"] == {"type": "string", "pattern": "^[a-z0-9_-]{1,100}$"}
