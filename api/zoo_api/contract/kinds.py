"""What a view's arguments are: how each is read from the request, and how it is described.

A view says it in its signature, as `Query[Paging]` or `Json[AliasRequest]`; what stands in the
address is of its plain type, or an `OwnName`. Other kinds are classes like these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol, TypeVar

from flask import request

from zoo.names import OWN_NAME, check_own_name
from zoo_api.codes import BODY, FIELDS, JSON, NAMES, PAGES, Codes, merge
from zoo_api.contract.schemas import Schema, Schemas
from zoo_api.paging import Paging
from zoo_api.reading import read_json, read_query

Given = TypeVar("Given")
NUMBER: Schema = {"minimum": 0, "maximum": 999_999_999}


@dataclass(frozen=True, kw_only=True)
class Described:
    """An argument's share of an operation."""

    parameters: tuple[Schema, ...] = ()
    body: Schema | None = None  # a requestBody
    codes: Codes  # errors that reading it may end with


class Kind(Protocol):
    """One way of getting an argument; `kind` is the type that the view gives it."""

    def read(self, kind: Any, given: Any) -> object:
        """The argument's value; `given` is what the router found under its name."""
        ...

    def describe(self, name: str, kind: Any, schemas: Schemas) -> Described:
        """Its share of the document."""
        ...


@dataclass(frozen=True)
class PathPart:
    """A part of the address, as the router has read it."""

    schema: Schema | None = None

    def read(self, _kind: Any, given: Any) -> object:
        """What the router found."""
        return given

    def describe(self, name: str, kind: Any, schemas: Schemas) -> Described:
        """A path parameter."""
        bounds = {"minLength": 1} if kind is str else NUMBER
        schema = {**schemas.of(kind), **(self.schema or bounds)}
        parameter = {"name": name, "in": "path", "required": True, "schema": schema}
        return Described(parameters=(parameter,), codes=NAMES)


@dataclass(frozen=True)
class OwnName:
    """A name in the address that the user gives to a thing of a sort."""

    sort: str

    def read(self, _kind: Any, given: Any) -> object:
        """The name; 422 `invalid_name` if it is not allowed."""
        return check_own_name(self.sort, given)

    def describe(self, name: str, kind: Any, schemas: Schemas) -> Described:
        """A path parameter with a pattern."""
        part = PathPart({"pattern": f"^{OWN_NAME.pattern}$"}).describe(name, kind, schemas)
        codes = merge(part.codes, {422: ("invalid_name",)})
        return Described(parameters=part.parameters, codes=codes)


class QueryParameters:
    """All query parameters."""

    def read(self, kind: Any, _given: Any) -> object:
        """The query as its type."""
        return read_query(kind)

    def describe(self, _name: str, kind: Any, schemas: Schemas) -> Described:
        """Each field as a parameter."""
        codes = merge(FIELDS, PAGES if issubclass(kind, Paging) else {})
        return Described(parameters=schemas.parameters(kind), codes=codes)


@dataclass(frozen=True)
class JsonBody:
    """A JSON body; where none need be there, none is its type's defaults."""

    CODES: ClassVar[Codes] = merge(FIELDS, BODY, JSON)
    is_required: bool = True

    def read(self, kind: Any, _given: Any) -> object:
        """The body as its type."""
        is_there = request.content_length or "Transfer-Encoding" in request.headers
        return read_json(kind) if self.is_required or is_there else kind()

    def describe(self, _name: str, kind: Any, schemas: Schemas) -> Described:
        """The body."""
        content = {"application/json": {"schema": schemas.of(kind)}}
        return Described(body={"required": self.is_required, "content": content}, codes=self.CODES)


Query = Annotated[Given, QueryParameters()]
Json = Annotated[Given, JsonBody()]
OptionalJson = Annotated[Given, JsonBody(is_required=False)]
