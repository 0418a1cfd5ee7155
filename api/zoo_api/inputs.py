"""What is to be embedded at once: pictures and texts of one request, each by its own tower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoo.backbone import IMAGE, TEXT
from zoo.errors import ContentError, InvalidError
from zoo.predictor import BackboneDetail, FloatArray, Label
from zoo_api.data_uris import decode_data_uri, is_data_uri
from zoo_api.forwarding import (
    Asked,
    check_all,
    classify_images,
    classify_texts,
    embed_images,
)
from zoo_api.pictured import Options, Sent, WithInput
from zoo_api.pictures import check_count
from zoo_api.services import services

MAX_TEXTS = 512
"""Texts that one request may bring; more is an ingest."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """A picture's bytes or a text, with the name of the field that it came in."""

    content: bytes | str
    field: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """The vectors `(dim,)` of inputs in their order, and the tokens of the texts among them."""

    vectors: list[FloatArray]
    tokens: int


def inputs_of(body: WithInput | Sent[Options], asked: Asked) -> list[Input]:
    """What is asked about, in whichever form it came."""
    if not isinstance(body, Sent):
        return read_inputs(body.input, asked)
    given = zip(body.pictures.images, body.pictures.fields, strict=True)
    return [Input(content=image, field=field) for image, field in given]


def read_inputs(given: str | Sequence[str], asked: Asked) -> list[Input]:
    """A JSON `input`: data: URIs are pictures, all else are texts if the model takes them."""
    if isinstance(given, str):
        return [read_input(given, asked.detail, field="input")]
    fields = [f"input[{index}]" for index in range(len(given))]
    read = [read_input(one, asked.detail, field=f) for one, f in zip(given, fields, strict=True)]
    n_texts = sum(isinstance(one.content, str) for one in read)
    if n_texts > MAX_TEXTS:
        raise InvalidError(
            f"the request holds {n_texts} texts, at most {MAX_TEXTS} are allowed; "
            "ingest more into a collection",
            code="too_many_texts",
        )
    if n_texts == 0 or n_texts < len(read):
        check_count(len(read) - n_texts)
    return read


def read_input(given: str, detail: BackboneDetail, *, field: str) -> Input:
    """One member of a JSON `input`; refused if it is text and the model takes none."""
    if TEXT in towers_of(detail) and not is_data_uri(given):
        return Input(content=given, field=field)
    return Input(content=decode_data_uri(given, field=field), field=field)


def check_towers(detail: BackboneDetail, given: Input, *, model: str) -> None:
    """Refuse a picture or a text that the model has no tower for."""
    towers = towers_of(detail)
    if isinstance(given.content, bytes) and IMAGE not in towers:
        raise InvalidError(
            f"{given.field} is a picture, and {model} takes texts; send the text as it is",
            code="images_not_supported",
            field=given.field,
        )
    if isinstance(given.content, str) and TEXT not in towers:
        raise InvalidError(
            f"{given.field} is a text, and {model} takes pictures",
            code="text_not_supported",
            field=given.field,
        )


def towers_of(detail: BackboneDetail) -> tuple[str, ...]:
    """The backbone's towers; those known of old have pictures' alone and do not say so."""
    return detail.towers or (IMAGE,)


def embed_inputs(asked: Asked, inputs: Sequence[Input]) -> Embedded:
    """One vector an input; `PicturesError` naming each that cannot be read."""
    for one in inputs:
        check_towers(asked.detail, one, model=asked.name)
    images = [one for one in inputs if isinstance(one.content, bytes)]
    texts = [one for one in inputs if isinstance(one.content, str)]
    of_images = embed_images(
        asked.ref,
        [one.content for one in images if isinstance(one.content, bytes)],
        fields=[one.field for one in images],
    )
    of_texts = embed_texts(asked, texts)
    vectors = {True: iter(of_images), False: iter(of_texts.vectors)}
    return Embedded(
        vectors=[next(vectors[isinstance(one.content, bytes)]) for one in inputs],
        tokens=of_texts.tokens,
    )


def classify_inputs(asked: Asked, inputs: Sequence[Input], *, top_k: int) -> list[list[Label]]:
    """The best labels of each input; `PicturesError` naming each that cannot be read."""
    for one in inputs:
        check_towers(asked.detail, one, model=asked.name)
    images = [(one.content, one.field) for one in inputs if isinstance(one.content, bytes)]
    texts = [(one.content, one.field) for one in inputs if isinstance(one.content, str)]
    of_images = classify_images(
        asked, [content for content, _ in images], fields=[f for _, f in images], top_k=top_k
    )
    of_texts = classify_texts(
        asked, [content for content, _ in texts], fields=[f for _, f in texts], top_k=top_k
    )
    labels = {True: iter(of_images), False: iter(of_texts)}
    return [next(labels[isinstance(one.content, bytes)]) for one in inputs]


def embed_texts(asked: Asked, texts: Sequence[Input]) -> Embedded:
    """One vector a text; `PicturesError` naming each that is empty or no text."""
    if not texts:
        return Embedded(vectors=[], tokens=0)
    given = [str(one.content) for one in texts]
    found = services().predictor.embed_texts(asked.ref, given)
    check_all(found.vectors, [one.field for one in texts])
    vectors = [one for one in found.vectors if not isinstance(one, ContentError)]
    return Embedded(vectors=vectors, tokens=found.tokens)
