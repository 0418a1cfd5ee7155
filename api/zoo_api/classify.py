"""POST /v1/classify: pictures to labels, by a user's model or a backbone's native head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le
from flask import Blueprint

from zoo.errors import InvalidError
from zoo_api.data_uris import decode_inputs
from zoo_api.forwarding import Asked, classify_images, resolve_asked
from zoo_api.pictures import Pictures, body_form, read_pictures
from zoo_api.reading import read_json
from zoo_api.scopes import needs

classify = Blueprint("classify", __name__)


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions:
    """What may stand beside the pictures."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    model: str
    top_k: Annotated[int, Ge(1), Le(1000)] = 5


@dataclass(frozen=True, kw_only=True)
class ClassifyRequest(ClassifyOptions):
    """A JSON request: one data: URI, or several."""

    input: str | list[str]


@classify.post("/v1/classify")
@needs("read")
def classify_pictures() -> dict[str, object]:
    """The most probable labels of up to 64 images, best first.

    404 unknown model, version or alias; 422 for an unreadable image, and `no_native_head` for a
    backbone that came without a classifier.
    """
    options, pictures = _read()
    asked = resolve_asked(options.model)
    _check_head(asked)
    answers = classify_images(asked, pictures.images, fields=pictures.fields, top_k=options.top_k)
    return {
        "model": asked.name,
        "data": [{"labels": [asdict(label) for label in labels]} for labels in answers],
    }


def _read() -> tuple[ClassifyOptions, Pictures]:
    if body_form() == "json":
        body = read_json(ClassifyRequest)
        return body, decode_inputs(body.input)
    return read_pictures(ClassifyOptions)


def _check_head(asked: Asked) -> None:
    if asked.version is None and asked.detail.labels is None:
        raise InvalidError(
            f"{asked.name} has no native head to classify with; "
            "fine-tune a model on it and name that one",
            code="no_native_head",
            field="model",
        )
