"""Every error as problem+json (RFC 9457), with the one table of statuses."""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired

import structlog
from flask import Flask, Response, g, jsonify, request
from typing_extensions import TypedDict
from werkzeug.exceptions import HTTPException

from zoo.errors import (
    ClaimLostError,
    ConflictError,
    InvalidError,
    NotFoundError,
    PluginError,
    UnavailableError,
    ZooError,
)
from zoo.storage.blobs import is_full, out_of_room

STATUS: Mapping[type[ZooError], int] = {
    NotFoundError: 404,
    InvalidError: 422,
    ConflictError: 409,
    ClaimLostError: 409,
    PluginError: 422,
    UnavailableError: 503,
}
STATUS_OF_CODE: Mapping[str, int] = {
    "malformed_json": 400,
    "malformed_multipart": 400,
    "key_required": 401,
    "invalid_key": 401,
    "session_ended": 401,
    "scope_missing": 403,
    "foreign_host": 403,
    "foreign_origin": 403,
    "source_not_allowed": 403,
    "incompatible_space": 409,
    "file_changed": 409,
    "file_missing": 410,
    "request_too_large": 413,
    "queue_full": 429,
    "rate_limited": 429,
    "disk_full": 507,
}
CHALLENGES: Mapping[str, str] = {
    "key_required": 'Bearer realm="featurezoo"',
    "session_ended": 'Bearer realm="featurezoo"',
    "invalid_key": 'Bearer realm="featurezoo", error="invalid_token"',
    "scope_missing": 'Bearer realm="featurezoo", error="insufficient_scope"',
}
"""What RFC 6750 says of a key that is needed."""
CODE_OF_STATUS: Mapping[int, str] = {
    400: "bad_request",
    404: "unknown_route",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "request_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
}

log = structlog.get_logger()


class FieldProblem(TypedDict):
    """A member of a request that is wrong."""

    field: str
    message: str
    code: str


class OpenAIError(TypedDict):
    """A problem in OpenAI's shape."""

    message: str
    type: str
    param: str | None
    code: str


class Problem(TypedDict):
    """An error (RFC 9457); `error` is there on `/v1/embeddings`, `nearest` for unknown names."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem]
    request_id: str
    nearest: NotRequired[list[str]]
    error: NotRequired[OpenAIError]


class FieldsError(InvalidError):
    """A body or query whose members are wrong; `fields` says which and why."""

    def __init__(self, detail: str, *, fields: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(detail, code="invalid")
        self.fields = fields


def register(app: Flask) -> None:
    """Answer every error of an application as a problem."""
    app.register_error_handler(ZooError, answer_error)
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(Exception, answer_fault)


def answer_error(error: ZooError) -> Response:
    """A known error, with its own sentence."""
    status = status_of(error)
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_failed", code=error.code, detail=error.detail)
    extra: dict[str, Any] = {"errors": _fields(error)}
    if nearest := getattr(error, "nearest", ()):
        extra["nearest"] = list(nearest)
    response = problem(status, code=error.code, detail=error.detail, extra=extra)
    if isinstance(error, UnavailableError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.code in CHALLENGES:
        response.headers["WWW-Authenticate"] = CHALLENGES[error.code]
    return response


def answer_http_error(error: HTTPException) -> Response:
    """What Flask refuses by itself."""
    status = error.code or 500
    code = CODE_OF_STATUS.get(status, "http_error")
    response = problem(status, code=code, detail=_sentence(status, error.description), extra={})
    for name in ("Allow", "Content-Range"):
        if found := dict(error.get_headers()).get(name):
            response.headers[name] = found
    return response


def answer_fault(error: Exception) -> Response:
    """A full disk, or a fault of ours: the log has it, the answer says nothing of the inside."""
    if isinstance(error, OSError) and is_full(error):
        return answer_error(out_of_room("what was sent", error))
    log.error("request_fault", path=request.path, exc_info=error)
    detail = "something went wrong in the service; its log has the request id"
    return problem(500, code="internal_error", detail=detail, extra={})


def problem(status: int, *, code: str, detail: str, extra: Mapping[str, Any]) -> Response:
    """A problem as a response."""
    body = {
        "type": f"urn:zoo:problem:{code}",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [],
        "request_id": g.get("request_id", ""),
        **extra,
    }
    if request.path == "/v1/embeddings":
        body["error"] = {"message": detail, "type": _openai_type(status), "param": None,
                         "code": code}  # fmt: skip
    response = jsonify(body)
    response.status_code = status
    response.mimetype = "application/problem+json"
    return response


def status_of(error: ZooError) -> int:
    """The status of an error: its code's, else its class's."""
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def _fields(error: ZooError) -> list[Mapping[str, Any]]:
    if isinstance(error, FieldsError):
        return list(error.fields)
    field = getattr(error, "field", None)
    return [{"field": field, "message": error.detail, "code": error.code}] if field else []


def _openai_type(status: int) -> str:
    is_ours = status >= http.HTTPStatus.INTERNAL_SERVER_ERROR
    return "server_error" if is_ours else "invalid_request_error"


def _sentence(status: int, text: str | None) -> str:
    if status == http.HTTPStatus.NOT_FOUND:
        return f"nothing is served at {request.path[:200]!r}"
    if status == http.HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.path[:200]!r} does not take {request.method}"
    return (text or "the request was refused").rstrip(".")
