"""Contents in, features out: as embedding, with layers looked at in place of the output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from zoo.errors import ContentError, ImageError
from zoo.inference.engines import FloatArray
from zoo.inference.models import LoadedModel
from zoo.inference.pipeline import BATCHES_AHEAD, DecodingAhead, Read
from zoo.taps import Tap

if TYPE_CHECKING:
    from zoo.images.sandbox import Decoded, PictureDecoder

K = TypeVar("K")

TAP_BATCH = 32
"""Pictures a forward at most: the maps of more take gigabytes."""


def tap_contents(
    contents: Iterable[tuple[K, Read]],
    *,
    model: LoadedModel,
    taps: Sequence[Tap],
    sandbox: PictureDecoder,
    batch: int,
) -> Iterator[tuple[K, list[FloatArray] | ContentError]]:
    """Read, decode and forward each picture; yields each key once, failed ones as they fail.

    Of a picture there is one array `tap.given` for each tap; they are views of a batch's arrays,
    to be copied by who keeps them. The model has to be a built one. Raises as `TapEngine.tap`.
    """
    sandbox.start()
    ahead = BATCHES_AHEAD * batch
    pictures: list[tuple[K, Decoded]] = []
    decodings = DecodingAhead(contents, model=model, sandbox=sandbox, ahead=ahead)
    with decodings:
        for decoding in decodings:
            if isinstance(decoding.outcome, ContentError):
                yield decoding.key, decoding.outcome
            elif isinstance(decoding.outcome, str):
                yield decoding.key, ImageError("it is a text, and features are of pictures")
            else:
                pictures.append((decoding.key, decoding.outcome))
            if len(pictures) >= batch:
                yield from _forward(model, pictures, taps)
                pictures = []
        if pictures:
            yield from _forward(model, pictures, taps)


def _forward(
    model: LoadedModel, pictures: list[tuple[K, Decoded]], taps: Sequence[Tap]
) -> Iterator[tuple[K, list[FloatArray]]]:
    seen = model.taps.tap(np.stack([picture.pixels for _, picture in pictures]), taps)
    for place, (key, _) in enumerate(pictures):
        yield key, [features[place] for features in seen]
