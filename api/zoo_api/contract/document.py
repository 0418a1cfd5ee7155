"""The OpenAPI 3.1 document of an application, from the contracts of its views."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from zoo import __version__
from zoo_api import headers
from zoo_api.codes import ALWAYS, KEYED, LIMITED, WRITES, Codes, merge
from zoo_api.contract.kinds import Described
from zoo_api.contract.routes import JSON_TYPE, Answer, Contract, View, contract_of
from zoo_api.contract.schemas import BYTES, Schema, Schemas
from zoo_api.cookies import COOKIE
from zoo_api.problems import Problem
from zoo_api.scopes import OPEN, SAFE_METHODS, UNLIMITED, scope_of

PROBLEM_TYPE = "application/problem+json"
ABOUT = """Images in, vectors, neighbours and labels out.

While no key exists and only this machine can reach the service, no key is asked. Any request may
bring an `X-Request-Id` of its own. Values of `code` may be added to; the status says how to treat
one that is new. All of it in words: docs/rest.md of the distribution."""
SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, `zoo_...`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "What `POST /v1/session` gives a browser.",
    },
}


def openapi(app: Flask) -> dict[str, Any]:
    """The whole document; raises `TypeError` for a view without a contract."""
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        operations = paths.setdefault(path, {})
        operations.update(_operations(app, rule, schemas))
    return {
        "openapi": "3.1.0",
        "info": {"title": "FeatureZoo", "version": __version__, "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.named.items())),
            "headers": headers.ANSWERED,
            "parameters": headers.ASKED,
            "securitySchemes": SCHEMES,
        },
    }


def _operations(app: Flask, rule: Rule, schemas: Schemas) -> Iterator[tuple[str, Schema]]:
    view = app.view_functions[rule.endpoint]
    for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
        is_open = rule.endpoint in OPEN
        codes = merge(
            ALWAYS,
            {} if is_open else KEYED,
            {} if rule.endpoint in UNLIMITED else LIMITED,
            {} if method in SAFE_METHODS else WRITES,
        )
        scope = scope_of(app, rule.endpoint, method)
        security = [] if is_open else [{"key": [scope]}, {"session": [scope]}]
        operation = _operation(rule, view, codes, schemas)
        yield method.lower(), {**operation, "security": security}


def _operation(rule: Rule, view: View, always: Codes, schemas: Schemas) -> dict[str, Any]:
    terms = contract_of(view)
    parts = [
        argument.source.describe(name, argument.kind, schemas)
        for name, argument in terms.arguments.items()
    ]
    asked = dict.fromkeys(name for answer in terms.answers for name in answer.asks)
    summary, _, rest = (view.__doc__ or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": rule.endpoint.rpartition(".")[2],
        "tags": [rule.rule.split("/")[2] if rule.rule.startswith("/v1/") else "service"],
        "summary": summary,
        "description": " ".join(rest.split()),
        "parameters": [
            *(one for part in parts for one in part.parameters),
            *({"$ref": f"#/components/parameters/{name}"} for name in asked),
        ],
        "responses": _responses(terms, parts, always, schemas),
    }
    for part in parts:
        if part.body:
            operation["requestBody"] = part.body
    return operation


def _responses(
    terms: Contract, parts: Sequence[Described], always: Codes, schemas: Schemas
) -> Schema:
    responses: dict[str, dict[str, Any]] = {}
    for answer in terms.answers:
        _add(responses, answer.status, _content(answer, schemas), answer.headers)
    groups = [part.codes for part in parts] + [answer.codes for answer in terms.answers]
    for status, codes in merge(always, terms.codes, *groups).items():
        of_code = {"properties": {"code": {"enum": codes}}}
        schema = {"allOf": [schemas.of(Problem, mode="serialization"), of_code]}
        named = headers.OF_STATUS.get(status, ())
        _add(responses, status, {PROBLEM_TYPE: {"schema": schema}}, named)
        responses[str(status)]["description"] += f": {', '.join(f'`{code}`' for code in codes)}"
    return responses


def _content(answer: Answer, schemas: Schemas) -> Schema:
    if answer.kind is not None:
        return {JSON_TYPE: {"schema": schemas.of(answer.kind, mode="serialization")}}
    # A text's schema would have to describe it whole, a stream of events that never ends too.
    return {
        media: {} if media.startswith("text/") else {"schema": BYTES} for media in answer.media
    }


def _add(
    responses: dict[str, dict[str, Any]], status: int, content: Schema, named: Sequence[str]
) -> None:
    """Add what an answer may be to its status, which may have other bodies."""
    response = responses.setdefault(
        str(status), {"description": HTTPStatus(status).phrase, "headers": {}}
    )
    for name in ("X-Request-Id", *named):
        response["headers"][name] = {"$ref": f"#/components/headers/{name}"}
    if content:
        response["content"] = {**response.get("content", {}), **content}
