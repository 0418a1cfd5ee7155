"""The declaration of a route: it reads the view's arguments, and the document is made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

from flask import Response
from flask.typing import ResponseReturnValue

from zoo_api.codes import Codes
from zoo_api.contract.kinds import Kind, PathPart

View: TypeAlias = Callable[..., Any]
JSON_TYPE = "application/json"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One way in which a route answers when all went well."""

    status: int = 200
    kind: Any = None  # the type of a JSON body
    media: Sequence[str] = ()  # of a body that is no JSON
    headers: Sequence[str] = ()
    asks: Sequence[str] = ()  # headers of the request that it honours
    codes: Codes = field(default_factory=dict)  # errors that go with it


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a view."""

    kind: Any  # its type
    source: Kind


@dataclass(frozen=True, kw_only=True)
class Contract:
    """All that is promised of a route."""

    arguments: Mapping[str, Argument]
    answers: Sequence[Answer]
    codes: Codes


def contract(
    *answers: Answer, statuses: Sequence[int] = (200,), codes: Codes | None = None
) -> Callable[[View], Callable[..., ResponseReturnValue]]:
    """Declare a view: `codes` are the errors of its own.

    Its arguments are read as their types say. What it answers is its return type as JSON, with one
    of `statuses` if that is a pair, and 204 if it is None; `answers` say it where the view returns
    a `Response`.
    """

    def declare(view: View) -> Callable[..., ResponseReturnValue]:
        hints = get_type_hints(view, include_extras=True)
        returned = hints.pop("return")
        arguments = {name: _argument(hint) for name, hint in hints.items()}

        @wraps(view)
        def answer(**path: object) -> ResponseReturnValue:
            given = {
                name: argument.source.read(argument.kind, path.get(name))
                for name, argument in arguments.items()
            }
            found: ResponseReturnValue | None = view(**given)
            return Response(status=204) if found is None else found

        answer.contract = Contract(  # type: ignore[attr-defined]  # read by `contract_of` alone
            arguments=arguments,
            answers=answers or _answers(returned, statuses),
            codes=codes or {},
        )
        return answer

    return declare


def contract_of(view: View) -> Contract:
    """The declaration of a view; `TypeError` for one without."""
    found = getattr(view, "contract", None)
    if not isinstance(found, Contract):
        raise TypeError(f"view {view.__name__} has no contract; declare it with @contract()")
    return found


def _argument(hint: Any) -> Argument:
    if get_origin(hint) is not Annotated:
        return Argument(kind=hint, source=PathPart())
    kind, source = get_args(hint)
    return Argument(kind=kind, source=source)


def _answers(returned: Any, statuses: Sequence[int]) -> tuple[Answer, ...]:
    if returned is type(None):
        return (Answer(status=204),)
    kind = get_args(returned)[0] if get_origin(returned) is tuple else returned
    return tuple(Answer(status=status, kind=kind) for status in statuses)
