from dataclasses import dataclass
from typing import Annotated

import pytest
from flask import Response
from typing_extensions import TypedDict

from zoo_api.contract import Answer, Json, OwnName, Query, contract
from zoo_api.contract.routes import contract_of


@dataclass(frozen=True, kw_only=True)
class Wanted:
    size: int


class Shape(TypedDict):
    corners: int


def test_a_view_s_signature_says_what_it_takes_and_answers() -> None:
    @contract(statuses=(200, 201), codes={404: ("unknown_shape",)})
    def view(
        name: Annotated[str, OwnName("shape")],
        number: int,
        query: Query[Wanted],
        body: Json[Wanted],
    ) -> tuple[Shape, int]: ...

    terms = contract_of(view)
    kinds = {name: type(one.source).__name__ for name, one in terms.arguments.items()}
    assert kinds == {
        "name": "OwnName",
        "number": "PathPart",
        "query": "QueryParameters",
        "body": "JsonBody",
    }
    assert [(one.status, one.kind) for one in terms.answers] == [(200, Shape), (201, Shape)]
    assert terms.codes == {404: ("unknown_shape",)}


def test_a_view_that_answers_nothing_is_a_204() -> None:
    @contract()
    def view() -> None: ...

    answer = view()
    assert isinstance(answer, Response)
    assert answer.status_code == 204
    assert [one.status for one in contract_of(view).answers] == [204]


def test_a_view_that_makes_its_response_says_what_it_is() -> None:
    promised = Answer(status=201, kind=Shape)

    @contract(promised)
    def view() -> Response: ...

    assert contract_of(view).answers == (promised,)


def test_a_view_that_was_not_declared_is_an_error() -> None:
    def view() -> None: ...

    with pytest.raises(TypeError, match=r"^view view has no contract; declare it with @contract"):
        contract_of(view)
