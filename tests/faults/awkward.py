"""A plugin whose networks are good until they see a white picture; then each has its way.

It stands alone: a copy of this file is installed into the service that it is to harm.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.backbone import Backbone, Card, LoadRequest
from zoo.testing.tiny import TinyPlugin

if TYPE_CHECKING:
    from torch import Tensor

WHITE = 0.98
MEGABYTE = 1_000_000
LEAKED_BYTES = 200 * MEGABYTE
KEPT: list[bytearray] = []


def chatters(vectors: Tensor) -> Tensor:
    for _ in range(4):
        sys.stdout.write("x" * MEGABYTE + "\n")
        os.write(2, b"y" * MEGABYTE + b"\n")
    return vectors


def leaks(vectors: Tensor) -> Tensor:
    KEPT.append(bytearray(b"z") * LEAKED_BYTES)
    return vectors


def forks(vectors: Tensor) -> Tensor:
    if os.fork() == 0:
        time.sleep(3600)
        os._exit(0)
    return vectors


def closes(vectors: Tensor) -> Tensor:
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    return vectors


def undefined(vectors: Tensor) -> Tensor:
    vectors[-1] = float("nan")
    return vectors


def raises(_: Tensor) -> Tensor:
    raise RuntimeError("no white pictures, please")


def misshapes(vectors: Tensor) -> Tensor:
    return vectors[:, :5]


def drops(vectors: Tensor) -> Tensor:
    return vectors[:-1]


def doubles(vectors: Tensor) -> Tensor:
    return vectors.double()


def crashes(vectors: Tensor) -> Tensor:
    signal.raise_signal(signal.SIGSEGV)  # in this thread, as by its own fault: at once
    return vectors


def leaves(_: Tensor) -> Tensor:
    os._exit(3)


def hangs(vectors: Tensor) -> Tensor:
    time.sleep(3600)
    return vectors


ACTS: Mapping[str, Callable[[Tensor], Tensor]] = {
    act.__name__: act
    for act in (
        *(chatters, leaks, forks, closes),
        *(undefined, raises, misshapes, drops, doubles),
        *(crashes, leaves, hangs),
    )
}


class Awkward(TinyPlugin):
    """The tiny backbone, once for each act."""

    def describe(self) -> Iterable[Card]:
        [card] = super().describe()
        return [replace(card, architecture=name) for name in ACTS]

    def load(self, request: LoadRequest) -> Backbone:
        built = super().load(replace(request, architecture="colours"))
        tower = built.towers["image"]
        tower.module.register_forward_hook(_acting(ACTS[request.architecture]))
        return built


def _acting(act: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    torch = importlib.import_module("torch")

    def look(_: object, given: tuple[Tensor, ...], vectors: Tensor) -> Tensor:
        is_white = bool((torch.amin(given[0], dim=(1, 2, 3)) > WHITE).any())
        return act(vectors.clone()) if is_white else vectors

    return look


plugin = Awkward()
