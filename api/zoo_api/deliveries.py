"""Files as an argument of a view: parts of a form, or one bare body, with options beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar, Union, get_args

from flask import request

from zoo_api.codes import BODY, FIELDS, FILES, merge
from zoo_api.contract import Described, JsonBody, Schemas
from zoo_api.contract.schemas import BYTES
from zoo_api.reading import read_json, read_query, validated
from zoo_api.uploads import RAW_TYPES, TABLES, Received, receive_delivery

Options = TypeVar("Options")
OfJson = TypeVar("OfJson")
OfFiles = TypeVar("OfFiles")


@dataclass(frozen=True)
class Incoming(Generic[Options]):
    """Files that have yet to be taken in: gigabytes wait until the request was looked at.

    No member of the `options` is required, as each may stand in the query or in the form.
    """

    options: type[Options]

    def receive(self, *, with_manifests: bool = False) -> tuple[Options, Received]:
        """Take them all in, with what stood beside them.

        With manifests, tables by their names are read row by row; else they are files.
        """
        read_query(self.options)  # refused before gigabytes are taken in for nothing
        received = receive_delivery(with_manifests=with_manifests)
        return validated(self.options, received.fields), received


class FilesBody:
    """A body of files."""

    bare: ClassVar[frozenset[str]] = RAW_TYPES  # what a file may be sent as by itself

    def read(self, kind: Any, _given: Any) -> object:
        """The files, still `Incoming`."""
        return Incoming(*get_args(kind))

    def describe(self, _name: str, kind: Any, schemas: Schemas) -> Described:
        """All forms of the body."""
        [options] = get_args(kind)
        bare = {media: {"schema": BYTES} for media in (*sorted(self.bare), "image/*")}
        form = schemas.form(options, files={"type": "array", "items": BYTES, "minItems": 1})
        form["required"] = [*form["required"], "files"]
        return Described(
            parameters=schemas.parameters(options),
            body={"required": True, "content": {"multipart/form-data": {"schema": form}, **bare}},
            codes=merge(FIELDS, BODY, FILES),
        )


Files = Annotated[Incoming[Options], FilesBody()]


class FilesOrJsonBody(FilesBody):
    """A body of files, or JSON that says where they are."""

    def read(self, kind: Any, given: Any) -> object:
        """The JSON as its type, or files that are still `Incoming`."""
        of_json, files = get_args(kind)
        return read_json(of_json) if request.is_json else super().read(files, given)

    def describe(self, name: str, kind: Any, schemas: Schemas) -> Described:
        """All forms of the body."""
        of_json, files = get_args(kind)
        bare = super().describe(name, files, schemas)
        described = JsonBody().describe("", of_json, schemas)
        content = {**(bare.body or {})["content"], **(described.body or {})["content"]}
        return Described(
            parameters=bare.parameters,
            body={"required": True, "content": content},
            codes=merge(bare.codes, described.codes),
        )


class TablesOrJsonBody(FilesOrJsonBody):
    """A body of files, tables among them, or JSON that says where they are."""

    bare = RAW_TYPES | TABLES.keys()


TablesOrJson = Annotated[Union[OfJson, OfFiles], TablesOrJsonBody()]  # noqa: UP007  # of variables
FilesOrJson = Annotated[Union[OfJson, OfFiles], FilesOrJsonBody()]  # noqa: UP007  # of variables
