from dataclasses import dataclass

import pytest
from typing_extensions import TypedDict

from zoo_api.contract.schemas import Schemas
from zoo_api.paging import Page


@dataclass(frozen=True, kw_only=True)
class Options:
    size: int
    name: str | None = None
    nothing: None = None


class Shape(TypedDict):
    corners: int


def other_shape() -> type:
    class Shape(TypedDict):
        sides: int

    return Shape


def test_a_type_is_described_once_and_referred_to() -> None:
    schemas = Schemas()
    assert schemas.of(Shape) == schemas.of(Shape) == {"$ref": "#/components/schemas/Shape"}
    assert schemas.named.keys() == {"Shape"}


def test_a_page_is_named_by_what_it_holds() -> None:
    schemas = Schemas()
    assert schemas.of(Page[Shape]) == {"$ref": "#/components/schemas/ShapePage"}
    assert schemas.named.keys() == {"Shape", "ShapePage"}


def test_two_types_of_one_name_are_an_error() -> None:
    schemas = Schemas()
    schemas.of(Shape)
    with pytest.raises(ValueError, match=r"^two types are called 'Shape'; give them different na"):
        schemas.of(other_shape())


def test_text_is_absent_but_never_null() -> None:
    form = Schemas().form(Options, picture={"type": "string"})
    assert form == {
        "type": "object",
        "properties": {
            "picture": {"type": "string"},
            "size": {"type": "integer"},
            "name": {"type": "string"},
        },
        "required": ["size"],
        "additionalProperties": False,
    }
    named = {one["name"]: one["required"] for one in Schemas().parameters(Options)}
    assert named == {"size": True, "name": False}
