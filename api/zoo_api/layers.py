"""Layers by the names that a request gives them: checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.backbone import IMAGE
from zoo.errors import InvalidError
from zoo.names import LONGEST_GUESS, nearest
from zoo.predictor import BackboneDetail
from zoo.taps import Form, Tap, input_size_of, make_tap
from zoo_api.inputs import towers_of


class UnknownLayerError(InvalidError):
    """A layer that a model does not have; `nearest` holds those that look like it."""

    def __init__(self, detail: str, *, field: str, nearest: Sequence[str]) -> None:
        super().__init__(detail, code="unknown_layer", field=field)
        self.nearest = tuple(nearest)


def choose_taps(
    names: Sequence[str], *, model: str, detail: BackboneDetail, form: Form
) -> list[Tap]:
    """A tap for each name, a layer's or a depth's (`deep`), each once; 422 for any other."""
    if IMAGE not in towers_of(detail):
        raise InvalidError(
            f"{model} takes texts; features are of the layers that pictures go through",
            code="images_not_supported",
            field="model",
        )
    input_size = input_size_of(detail.space)
    return [
        make_tap(
            name,
            layer,
            shape=detail.layer_shapes[layer],
            form=form,
            input_size=input_size,
        )
        for name, layer in _layers(names, model=model, detail=detail).items()
    ]


def _layers(names: Sequence[str], *, model: str, detail: BackboneDetail) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, name in enumerate(names):
        # A network's own name goes before ours for a depth.
        layer = name if name in detail.layer_shapes else detail.taps.get(name, "")
        if layer not in detail.layer_shapes:
            raise _unknown(name, model=model, detail=detail, field=f"layers[{place}]")
        found[name] = layer
    return found


def _unknown(name: str, *, model: str, detail: BackboneDetail, field: str) -> UnknownLayerError:
    asked = repr(name[:LONGEST_GUESS])
    if name in detail.layers:
        why = f"layer {asked} of {model} gives something else than one array for each picture"
    else:
        why = f"{model} has no layer {asked}"
    known = [*detail.taps, *detail.layer_shapes]
    close = nearest(name, known) or tuple(detail.taps)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    return UnknownLayerError(f"{why}{hint}", field=field, nearest=close)
