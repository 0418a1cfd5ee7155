"""The kinds of network that are known, by what `model_type` a configuration says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from zoo.backbone import IMAGE, TEXT

PLUGIN = "transformers"
"""The name of the entry point."""
Family: TypeAlias = Literal["text", "image", "pair"]
Readout: TypeAlias = Literal["class_token", "pooled"]

TEXT_TYPES = frozenset(
    {
        "albert",
        "bert",
        "camembert",
        "deberta-v2",
        "distilbert",
        "electra",
        "modernbert",
        "mpnet",
        "roberta",
        "xlm-roberta",
    }
)
"""Encoders that give a vector a token and take an attention mask."""

READOUTS: Mapping[str, Readout] = {
    "beit": "pooled",
    "convnext": "pooled",
    "convnextv2": "pooled",
    "deit": "class_token",
    "dinov2": "class_token",
    "swin": "pooled",
    "vit": "class_token",
}
"""What each image encoder's own classifiers are put on."""

PAIR_TYPES = frozenset({"clip", "siglip"})
"""Two encoders, of pictures and of texts, into one space."""

ANY_SIZE = frozenset({"convnext", "convnextv2"})
"""Image encoders without position embeddings: they take pictures of other sizes."""

FULL_LENGTH = frozenset({"siglip"})
"""Text encoders that read padding like words, and were trained with texts padded to the end."""


def family_of(model_type: object) -> Family | None:
    """Which family a configuration's `model_type` belongs to, if one that is known."""
    if model_type in TEXT_TYPES:
        return "text"
    if model_type in READOUTS:
        return "image"
    return "pair" if model_type in PAIR_TYPES else None


def towers_of(family: Family) -> tuple[str, ...]:
    """The towers that a family's backbones have."""
    towers: Mapping[Family, tuple[str, ...]] = {
        "text": (TEXT,),
        "image": (IMAGE,),
        "pair": (IMAGE, TEXT),
    }
    return towers[family]
