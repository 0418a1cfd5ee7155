"""POST /v1/classify: pictures and texts to labels, by a model of one's own or a native head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le
from flask import Blueprint
from typing_extensions import TypedDict

from zoo.errors import InvalidError
from zoo.predictor import Label
from zoo_api.codes import KEPT, OWN_OR_BUILT, TEXTS, merge
from zoo_api.contract import contract
from zoo_api.forwarding import Asked, resolve_asked
from zoo_api.inputs import classify_inputs, inputs_of
from zoo_api.pictured import Inputs, Pictured, Sent
from zoo_api.reading import Closed, closed
from zoo_api.scopes import needs

classify = Blueprint("classify", __name__)


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions(Closed):
    """What may stand beside the inputs."""

    model: str
    top_k: Annotated[int, Ge(1), Le(1000)] = 5


@dataclass(frozen=True, kw_only=True)
class ClassifyRequest(ClassifyOptions):
    """A JSON request: one data: URI or text, or several."""

    __pydantic_config__ = closed(
        examples=[{"model": "pets@champion", "input": "data:image/png;base64,iVBORw0K"}]
    )

    input: Inputs


class Labelled(TypedDict):
    """The labels of one input, best first."""

    labels: list[Label]


class Classified(TypedDict):
    """Labels in the order of the inputs, by which model."""

    model: str
    data: list[Labelled]


@classify.post("/v1/classify")
@contract(codes=merge(OWN_OR_BUILT, KEPT, TEXTS, {422: ("no_native_head", "too_many_texts")}))
@needs("read")
def classify_pictures(body: Pictured[ClassifyRequest, ClassifyOptions]) -> Classified:
    """The most probable labels of up to 64 images, or 512 texts, best first.

    By a model of one's own, or by the classifier that a backbone came with.
    """
    options = body.options if isinstance(body, Sent) else body
    asked = resolve_asked(options.model)
    _check_head(asked)
    answers = classify_inputs(asked, inputs_of(body, asked), top_k=options.top_k)
    return {
        "model": asked.name,
        "data": [{"labels": labels} for labels in answers],
    }


def _check_head(asked: Asked) -> None:
    if asked.version is None and asked.detail.labels is None:
        raise InvalidError(
            f"{asked.name} has no native head to classify with; "
            "fine-tune a model on it and name that one",
            code="no_native_head",
            field="model",
        )
