"""Files as an argument of a view: parts of a form, or one bare body, with options beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, get_args

from zoo_api.codes import BODY, FIELDS, FILES, merge
from zoo_api.contract import Described, Schemas
from zoo_api.contract.schemas import BYTES
from zoo_api.reading import validated
from zoo_api.uploads import RAW_TYPES, Received, receive_delivery

Options = TypeVar("Options")


@dataclass(frozen=True)
class Incoming(Generic[Options]):
    """Files that have yet to be taken in: gigabytes wait until the request was looked at."""

    options: type[Options]

    def receive(self) -> tuple[Options, Received]:
        """Take them all in, with what stood beside them."""
        received = receive_delivery()
        return validated(self.options, received.fields), received


class FilesBody:
    """A body of files."""

    def read(self, kind: Any, _given: Any) -> object:
        """The files, still `Incoming`."""
        return Incoming(*get_args(kind))

    def describe(self, _name: str, kind: Any, schemas: Schemas) -> Described:
        """All forms of the body."""
        [options] = get_args(kind)
        bare = {media: {"schema": BYTES} for media in (*sorted(RAW_TYPES), "image/*")}
        form = schemas.form(options, files={"type": "array", "items": BYTES, "minItems": 1})
        form["required"] = [*form["required"], "files"]
        return Described(
            parameters=schemas.parameters(options),
            body={"required": True, "content": {"multipart/form-data": {"schema": form}, **bare}},
            codes=merge(FIELDS, BODY, FILES),
        )


Files = Annotated[Incoming[Options], FilesBody()]
