"""POST /v1/features: what the layers inside of a backbone make of pictures, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Annotated, ClassVar

from annotated_types import MinLen
from flask import Blueprint, Response, jsonify, send_file
from pydantic import BeforeValidator
from typing_extensions import TypedDict

from zoo.errors import InvalidError
from zoo.features.npz import MEDIA_TYPE, write_npz
from zoo.predictor import FloatArray
from zoo.storage.blobs import out_of_room
from zoo.taps import Form, Layout, Pool, Tap, size_of
from zoo_api.codes import KEPT, OWN_OR_BUILT, merge
from zoo_api.contract import Answer, contract
from zoo_api.data_uris import decode_inputs
from zoo_api.forwarding import Asked, check_all, resolve_asked
from zoo_api.layers import choose_taps
from zoo_api.pictured import Inputs, Pictured, Sent
from zoo_api.pictures import Pictures, check_bytes
from zoo_api.reading import Closed, closed, split_commas
from zoo_api.scopes import needs
from zoo_api.services import services

features = Blueprint("features", __name__)

Layers = Annotated[tuple[str, ...], MinLen(1)]
ListedLayers = Annotated[Layers, BeforeValidator(split_commas)]


@dataclass(frozen=True, kw_only=True)
class FeaturesOptions(Closed):
    """What may stand beside the pictures; `layers` again and again, or with commas between."""

    LISTED: ClassVar[frozenset[str]] = frozenset({"layers"})

    model: str
    layers: ListedLayers
    layout: Layout = "nchw"
    pool: Pool = "none"


@dataclass(frozen=True, kw_only=True)
class FeaturesRequest(Closed):
    """A JSON request: one data: URI, or several; none is needed where only shapes are asked."""

    __pydantic_config__ = closed(
        examples=[
            {
                "model": "lite.efficientnet_lite0",
                "input": "data:image/png;base64,iVBORw0K",
                "layers": ["deep"],
            }
        ]
    )

    model: str
    layers: Layers
    input: Inputs | None = None
    layout: Layout = "nchw"
    pool: Pool = "none"
    shapes_only: bool = False


class LayerShape(TypedDict):
    """What a layer gives for one picture, in the form that was asked for."""

    layer: str
    shape: list[int]
    size_bytes: int


class LayerShapes(TypedDict):
    """What a request would give for each picture, by the names that the layers were asked by."""

    model: str
    layers: dict[str, LayerShape]
    size_bytes: int


@features.post("/v1/features")
@contract(
    Answer(media=(MEDIA_TYPE,)),
    Answer(kind=LayerShapes),
    codes=merge(
        OWN_OR_BUILT,
        KEPT,
        {422: ("too_large_features", "unknown_layer")},
        {503: ("storage_unavailable",), 507: ("disk_full",)},
    ),
)
@needs("read")
def show_features(body: Pictured[FeaturesRequest, FeaturesOptions]) -> Response:
    """What layers give for up to 64 images, all of one forward, as an npz.

    Or with `shapes_only` the shapes alone, as JSON, without running anything.
    """
    options = body.options if isinstance(body, Sent) else body
    asked = resolve_asked(options.model)
    form = Form(layout=options.layout, pool=options.pool)
    name = asked.backbone.name
    taps = choose_taps(options.layers, model=name, detail=asked.detail, form=form)
    if isinstance(body, FeaturesRequest) and body.shapes_only:
        return jsonify(_shapes_json(name, taps))
    pictures = body.pictures if isinstance(body, Sent) else decode_inputs(body.input or ())
    _check_size(taps, len(pictures.images))
    return _send(_tap(asked, pictures, taps))


def _shapes_json(model: str, taps: Sequence[Tap]) -> LayerShapes:
    layers: dict[str, LayerShape] = {
        tap.name: {"layer": tap.layer, "shape": list(tap.given), "size_bytes": tap.size_bytes}
        for tap in taps
    }
    return {"model": model, "layers": layers, "size_bytes": size_of(taps)}


def _check_size(taps: Sequence[Tap], n: int) -> None:
    limit, one = services().settings.max_features_bytes, size_of(taps)
    if n * one <= limit:
        return
    fits = limit // one
    fewer = f"at most {fits} images, " if fits else ""
    raise InvalidError(
        f"these layers give {n * one} bytes for {n} images, {one} each, and an answer has at "
        f'most {limit}; send {fewer}fewer layers or "pool": "mean", or make it a job',
        code="too_large_features",
        field="layers",
    )


def _tap(asked: Asked, pictures: Pictures, taps: Sequence[Tap]) -> Mapping[str, FloatArray]:
    check_all([check_bytes(image) for image in pictures.images], pictures.fields)
    found = services().predictor.features(asked.ref, pictures.images, taps=taps)
    check_all(found.errors, pictures.fields)
    return found.arrays


def _send(arrays: Mapping[str, FloatArray]) -> Response:
    """The arrays by way of a file without a name: in memory they would be there twice."""
    spool = services().settings.home / "tmp"
    spool.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        file = stack.enter_context(TemporaryFile(dir=spool))
        try:
            write_npz(file, arrays)
        except OSError as error:
            raise out_of_room("the features", error) from error
        size_bytes = file.tell()
        file.seek(0)
        response = send_file(
            file, MEDIA_TYPE, as_attachment=True, download_name="features.npz", conditional=False
        )
        stack.pop_all()  # whoever sends the response closes the file
    response.content_length = size_bytes
    return response
