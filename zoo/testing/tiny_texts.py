"""Backbones for tests that take texts: fast, without any download, the same on every machine.

`words` embeds texts by the words in them. `captions` has two towers into one space of three
numbers, red, green and blue: the text "something red" finds red pictures.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from zoo.backbone import (
    IMAGE,
    RANDOM_WEIGHTS,
    TEXT,
    Backbone,
    Card,
    LoadRequest,
    Preprocessing,
    TextPreprocessing,
    Weights,
)
from zoo.errors import NotFoundError

if TYPE_CHECKING:
    from types import ModuleType

NAME = "tiny_texts"
TAG = "v1"
WORDS = f"{NAME}.words.{TAG}"
"""The full name of the backbone that takes texts only."""
CAPTIONS = f"{NAME}.captions.{TAG}"
"""The full name of the backbone that takes pictures and texts."""
TOWERS: Mapping[str, tuple[str, ...]] = {"words": (TEXT,), "captions": (IMAGE, TEXT)}
VOCABULARY = 1009
"""Words share a place now and then, as it is crc32 that deals them out."""
PREPROCESSING = Preprocessing(
    input_size=(16, 16),
    resize=16,
    interpolation="bilinear",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
TEXT_PREPROCESSING = TextPreprocessing(
    tokenizer=hashlib.sha256(b"words between white space in small letters, by crc32").hexdigest(),
    max_tokens=32,
)


class TinyTextsPlugin:
    """A plugin with two architectures, their weights and the untrained variants."""

    def describe(self) -> Iterable[Card]:
        """Both architectures."""
        return tuple(_card(architecture) for architecture in TOWERS)

    def load(self, request: LoadRequest) -> Backbone:
        """Build one; `NotFoundError` for any other architecture or weights."""
        _check(request.architecture, TOWERS, what="architecture")
        _check(request.weights, (TAG, RANDOM_WEIGHTS), what="weights")
        backbone: Backbone = _network().build(
            request.architecture, is_random=request.weights == RANDOM_WEIGHTS
        )
        return backbone


def _check(asked: str, known: Iterable[str], *, what: str) -> None:
    names = tuple(known)
    if asked not in names:
        raise NotFoundError(
            f"no {what} {asked!r}; there are {', '.join(names)}",
            code=f"unknown_{what}",
            nearest=names,
        )


def _card(architecture: str) -> Card:
    weights = Weights(
        tag=TAG,
        preprocessing=PREPROCESSING if IMAGE in TOWERS[architecture] else None,
        text_preprocessing=TEXT_PREPROCESSING,
        licence="Apache-2.0",
        source_data="none: the parameters were written by hand or drawn from a seed",
        domain="text",
        known_biases="sees which words there are, not their order",
        source="zoo.testing.tiny_texts",
    )
    return Card(architecture=architecture, weights=(weights,), towers=TOWERS[architecture])


def _network() -> ModuleType:
    # By name, so that describing needs no torch.
    return importlib.import_module("zoo.testing.tiny_texts_network")


plugin = TinyTextsPlugin()
