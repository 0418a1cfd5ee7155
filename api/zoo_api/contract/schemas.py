"""JSON Schemas of the types that requests and answers have, each named once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

Schema: TypeAlias = Mapping[str, Any]
PLACE = "#/components/schemas/"
BYTES: Schema = {"type": "string", "format": "binary"}


class Untitled(GenerateJsonSchema):
    """Schemas without a title for each field that only repeats its name."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        """Never."""
        return False


class Schemas:
    """Collects the named schemas of one document."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def of(
        self, kind: Any, *, mode: Literal["validation", "serialization"] = "validation"
    ) -> dict[str, Any]:
        """The schema of a type: a reference where it has a name.

        Raises `ValueError` if two different types have the same one.
        """
        schema = TypeAdapter(kind).json_schema(
            mode=mode, ref_template=f"{PLACE}{{model}}", schema_generator=Untitled
        )
        for name, found in schema.pop("$defs", {}).items():
            self._add(name, found)
        if schema.get("type") != "object" or "title" not in schema:
            return schema
        name = _name(kind)
        self._add(name, {**schema, "title": name})
        return {"$ref": f"{PLACE}{name}"}

    def parameters(self, kind: Any) -> tuple[dict[str, Any], ...]:
        """The fields of a type as query parameters."""
        form = self.form(kind)
        return tuple(
            {"name": name, "in": "query", "required": name in form["required"], "schema": field}
            for name, field in form["properties"].items()
        )

    def form(self, kind: Any, **parts: Schema) -> dict[str, Any]:
        """The fields of a type as a form gives them, absent but never null, beside other parts."""
        schema = TypeAdapter(kind).json_schema(schema_generator=Untitled)
        fields = {
            name: _without_null(field)
            for name, field in schema.get("properties", {}).items()
            if field.get("type") != "null"
        }
        return {
            "type": "object",
            "properties": {**parts, **fields},
            "required": schema.get("required", []),
            "additionalProperties": False,
        }

    def _add(self, name: str, schema: Schema) -> None:
        if self.named.setdefault(name, schema) != schema:
            raise ValueError(f"two types are called {name!r}; give them different names")


def _name(kind: Any) -> str:
    """`Job`, and `JobPage` for a `Page[Job]`."""
    arguments = "".join(_name(argument) for argument in get_args(kind))
    return f"{arguments}{(get_origin(kind) or kind).__name__}"


def _without_null(field: Schema) -> Schema:
    kept = {name: value for name, value in field.items() if name != "anyOf" and value is not None}
    for choice in field.get("anyOf", ()):
        kept |= choice if choice.get("type") != "null" else {}
    return kept
