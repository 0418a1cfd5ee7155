"""A test client that holds every answer against the document: what is answered is documented."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from zoo.settings import load_settings
from zoo_api.app import create_app
from zoo_api.contract.document import openapi

UNDESCRIBED = {"HEAD", "OPTIONS"}  # Flask answers them from the others


class PromisedClient(FlaskClient):
    """Flask's test client; an answer that the document does not promise fails the test."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Ask, and check the answer."""
        answer = super().open(*args, **kwargs)
        check_answer(self.application, answer)
        return answer


def promised(app: Flask) -> FlaskClient:
    """A checking client of an application."""
    app.test_client_class = PromisedClient
    return app.test_client()


def check_answer(app: Flask, answer: TestResponse) -> None:
    """Fail unless status, media type, body and headers are what the route's operation says."""
    method = answer.request.environ["REQUEST_METHOD"]
    try:
        adapter = app.url_map.bind_to_environ(answer.request.environ)
        rule, _ = adapter.match(return_rule=True)
    except HTTPException:
        return  # no route, no promise
    if method in UNDESCRIBED:
        return
    operation = next(
        operations[method.lower()]
        for operations in document()["paths"].values()
        if operations.get(method.lower(), {}).get("operationId") == rule.endpoint.split(".")[1]
    )
    name = f"{method} {rule.rule} answered {answer.status_code}"
    assert str(answer.status_code) in operation["responses"], name
    response = operation["responses"][str(answer.status_code)]
    check_headers(answer, response, name)
    check_body(answer, response.get("content", {}), name)


def check_headers(answer: TestResponse, response: dict[str, Any], name: str) -> None:
    headers = document()["components"]["headers"]
    required = {key for key in response["headers"] if headers[key]["required"]}
    assert required <= set(answer.headers.keys()), f"{name} without {required}"


def check_body(answer: TestResponse, content: dict[str, Any], name: str) -> None:
    if not content:
        assert not answer.get_data(), f"{name} with a body"
        return
    family = f"{answer.mimetype.partition('/')[0]}/*"
    assert answer.mimetype in content or family in content, f"{name} as {answer.mimetype}"
    if not answer.mimetype.endswith("json"):
        return
    schema = json.dumps(content[answer.mimetype]["schema"])
    for error in validator(schema).iter_errors(answer.get_json()):
        raise AssertionError(f"{name}, at {error.instance_path}: {error.message}")


@cache
def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    """A validator of a schema among the named ones; making one is slow."""
    components = {"schemas": document()["components"]["schemas"]}
    return jsonschema_rs.Draft202012Validator({**json.loads(schema), "components": components})


@cache
def document() -> dict[str, Any]:
    """The document: it is that of all applications, which differ in their settings alone."""
    with tempfile.TemporaryDirectory() as home:
        return openapi(create_app(load_settings({}, home=Path(home))))
