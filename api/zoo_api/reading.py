"""Reading what a request brings: JSON, query and form, into frozen types that refuse the rest."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, NoReturn, TypeVar

from flask import request
from pydantic import ConfigDict, FailFast, JsonValue, TypeAdapter, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from zoo.errors import InvalidError
from zoo_api.problems import FieldsError
from zoo_api.services import services

Read = TypeVar("Read")
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""An escape that stands for a character only beside a second one."""

MOST_TOLD = 100
"""Members that an answer names; a body may hold millions that are wrong."""
LONGEST_TOLD = 200
"""Letters of a member's name that an answer repeats."""
MOST_READ = 10_000
"""Members whose faults are looked at: pydantic makes a hundred times of each what was sent."""


def closed(**shown: JsonValue) -> ConfigDict:
    """Refuse unknown members, and numbers that are none; `shown` is added to the schema."""
    return ConfigDict(extra="forbid", allow_inf_nan=False, json_schema_extra=shown)


class Closed:
    """Base of what requests bring: members that it does not have are refused."""

    __pydantic_config__: ClassVar[ConfigDict] = closed()
    LISTED: ClassVar[frozenset[str]] = frozenset()
    """Members that a query or form may give more than once, or with commas between values."""


class FirstFault(FailFast):
    """Has a list be read up to its first member that is wrong; it may hold millions."""

    __hash__ = object.__hash__  # which a part of a union needs, and pydantic's own lacks


def split_commas(given: object) -> object:
    """The values of a `LISTED` member that came as text."""
    return given.split(",") if isinstance(given, str) else given


def read_json(kind: type[Read]) -> Read:
    """The JSON body as `kind`; 415 for another media type, 413, 400 malformed, 422 invalid."""
    if not request.is_json:
        raise UnsupportedMediaType(
            f"the body is {request.mimetype or 'of no media type'}; send application/json"
        )
    limit = services().settings.max_json_bytes
    is_longer = (request.content_length or 0) > limit
    body = b"" if is_longer else request.stream.read(limit + 1)
    if is_longer or len(body) > limit:  # a body in chunks does not tell its length before
        raise RequestEntityTooLarge(f"the JSON body has more than {limit} bytes")
    _check_json(body)
    return read_strictly(kind, body)


def read_query(kind: type[Read]) -> Read:
    """The query parameters as `kind`; unknown and repeated ones are refused."""
    return validated(kind, _single(request.args, _listed(kind)))


def read_form(kind: type[Read]) -> Read:
    """The form's fields and the query parameters together as `kind`."""
    listed = _listed(kind)
    return validated(kind, {**_single(request.args, listed), **_single(request.form, listed)})


def read_strictly(kind: type[Read], text: str | bytes) -> Read:
    """JSON text as `kind`, each value of its own JSON type: "5" is no number, and 1 not true."""
    return _read(kind, lambda adapter: adapter.validate_json(text, strict=True))


def validated(kind: type[Read], given: Mapping[str, str]) -> Read:
    """Texts as `kind`; `FieldsError` naming each member that is wrong."""
    return _read(kind, lambda adapter: adapter.validate_python(given))


def _read(kind: type[Read], validate: Callable[[TypeAdapter[Read]], Read]) -> Read:
    known: Any = kind  # mypy takes no type as hashable
    try:
        return validate(_adapter(known))
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> InvalidError:
    n = error.error_count()
    if n > MOST_READ:
        return InvalidError(f"{n} members are wrong; send what /openapi.json describes")
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":  # deeper than pydantic's parser goes, or not in UTF-8
        return InvalidError(f"the body is not JSON: {found[0]['msg']}", code="malformed_json")
    fields = [_field(one) for one in found[:MOST_TOLD]]
    first = fields[0]
    detail = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    if found[0]["type"] == "finite_number":  # of a query or a form, as JSON is looked at before
        return InvalidError(detail, code="not_finite", field=first["field"])
    more = f" (and {n - 1} more)" if n > 1 else ""
    return FieldsError(f"{detail}{more}", fields=fields)


@cache  # building one takes longer than most requests
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _check_json(body: bytes) -> None:
    """Refuse what pydantic's own parser lets pass: NaN, infinities, halves of characters."""
    try:
        parsed = json.loads(body, parse_constant=_refuse_constant, parse_float=_read_float)
        if SURROGATE.search(body):
            json.dumps(parsed, ensure_ascii=False).encode()  # half a character is no text
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"the body is not JSON: {error}", code="malformed_json") from error


def _read_float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_constant(text[:40])


def _refuse_constant(name: str) -> NoReturn:
    # Well-formed to many writers of vectors, so a wrong value and not a broken body.
    raise InvalidError(f"the body holds {name}; every number must be finite", code="not_finite")


def _listed(kind: type[Read]) -> frozenset[str]:
    return kind.LISTED if issubclass(kind, Closed) else frozenset()


def _single(values: MultiDict[str, str], listed: frozenset[str]) -> Mapping[str, str]:
    for name, given in values.lists():
        if len(given) > 1 and name not in listed:
            field = {"field": name, "message": "given more than once", "code": "repeated"}
            raise FieldsError(f"{name}: given more than once", fields=[field])
    return {name: ",".join(given) for name, given in values.lists()}


def _field(found: Any) -> dict[str, str]:  # pydantic's ErrorDetails, typed apart from its module
    where = ".".join(str(part)[:LONGEST_TOLD] for part in found["loc"])
    if found["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return {"field": where, "message": "unknown field", "code": "unknown_field"}
    return {"field": where, "message": found["msg"], "code": found["type"]}
