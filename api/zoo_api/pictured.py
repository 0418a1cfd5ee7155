"""Pictures as an argument of a view: JSON of a type, or parts and bytes with options beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, TypeVar, Union, get_args

from zoo_api.codes import PICTURES, merge
from zoo_api.contract import Described, JsonBody, Schema, Schemas
from zoo_api.contract.schemas import BYTES
from zoo_api.pictures import Pictures, body_form, read_picture, read_pictures
from zoo_api.reading import FirstFault, read_json

OfJson = TypeVar("OfJson")
Options = TypeVar("Options")
Inputs = str | Annotated[list[str], FirstFault()]
"""One data: URI or text, or several."""
PARTS: Schema = {"type": "array", "items": BYTES}


@dataclass(frozen=True, kw_only=True)
class Sent(Generic[Options]):
    """Pictures that came outside of JSON, and what stood beside them."""

    options: Options
    pictures: Pictures


class WithInput(Protocol):
    """JSON that has its pictures as `input`."""

    @property
    def input(self) -> str | list[str]:
        """One data: URI, or several."""
        ...


class PicturesBody:
    """A body in one of the three forms in which pictures come."""

    def read(self, kind: Any, _given: Any) -> object:
        """The JSON as its type, else what was `Sent`."""
        of_json, sent = get_args(kind)
        form = body_form()
        if form == "json":
            return read_json(of_json)
        read = read_picture if form == "raw" else read_pictures
        options, pictures = read(*get_args(sent))
        return Sent(options=options, pictures=pictures)

    def describe(self, _name: str, kind: Any, schemas: Schemas) -> Described:
        """All forms; beside the bare bytes the options are query parameters."""
        of_json, sent = get_args(kind)
        [options] = get_args(sent)
        form = schemas.form(options, image=PARTS, files=PARTS)
        content = {
            "multipart/form-data": {"schema": form},
            "image/*": {"schema": BYTES},
            "application/octet-stream": {"schema": BYTES},
        }
        described = JsonBody().describe("", of_json, schemas)
        body = {"required": True, "content": {**(described.body or {})["content"], **content}}
        # JSON and forms have their own: no media type can say that a parameter goes with another.
        beside = {"required": False, "description": "Beside the bare bytes of a picture."}
        return Described(
            parameters=tuple({**one, **beside} for one in schemas.parameters(options)),
            body=body,
            codes=merge(described.codes, PICTURES, {400: ("malformed_multipart",)}),
        )


Pictured = Annotated[Union[OfJson, Sent[Options]], PicturesBody()]  # noqa: UP007  # of variables
