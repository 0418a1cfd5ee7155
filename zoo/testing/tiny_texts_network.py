"""The networks of the tiny text backbones; parameters come from a seed or are written by hand."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from zoo.backbone import ATTENTION_MASK, IMAGE, TEXT, AnyTower, Backbone, TextTower, Tower
from zoo.testing.tiny_texts import (
    PREPROCESSING,
    TEXT_PREPROCESSING,
    TOWERS,
    VOCABULARY,
)

_SEEDS = {True: 1, False: 0}
_DIMS = {"words": 64, "captions": 3}
_COLOURS = ("red", "green", "blue")
_FAINT = 0.05  # how much a word says that is no colour


class Words(nn.Module):
    """The mean of the words' vectors."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, dim)
        self.mix = nn.Linear(dim, dim)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Vectors `(n, dim)` of tokens `(n, length)`."""
        weight = attention_mask[..., None].to(torch.float32)
        summed: Tensor = (self.mix(self.words(input_ids)) * weight).sum(dim=1)
        return summed / weight.sum(dim=1)


def build(architecture: str, *, is_random: bool) -> Backbone:
    """One of the backbones, with its own parameters or others."""
    dim = _DIMS[architecture]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEEDS[is_random])
        towers: dict[str, AnyTower] = {TEXT: _text_tower(dim)}
        if IMAGE in TOWERS[architecture]:
            towers[IMAGE] = _image_tower(dim)
    if architecture == "captions" and not is_random:
        _write_colours(towers)
    return Backbone(towers=towers, dim=dim)


def tokenize(texts: Sequence[str]) -> Mapping[str, Tensor]:
    """Ids and mask, int64 `(n, length)`; a place of the vocabulary for each word."""
    found = [_ids(text)[: TEXT_PREPROCESSING.max_tokens] for text in texts]
    longest = max(map(len, found))
    padded = [ids + [0] * (longest - len(ids)) for ids in found]
    mask = [[1] * len(ids) + [0] * (longest - len(ids)) for ids in found]
    return {"input_ids": torch.tensor(padded), ATTENTION_MASK: torch.tensor(mask)}


def _ids(text: str) -> list[int]:
    return [zlib.crc32(word.encode()) % VOCABULARY for word in text.lower().split()]


def _text_tower(dim: int) -> TextTower:
    return TextTower(
        module=Words(dim).eval(),
        tokenize=tokenize,
        preprocessing=TEXT_PREPROCESSING,
        blocks=("words", "mix"),
        layers=("words", "mix"),
    )


def _image_tower(dim: int) -> Tower:
    parts = OrderedDict[str, nn.Module](
        stem=nn.Conv2d(3, dim, 1), body=nn.Conv2d(dim, dim, 1), pool=nn.AdaptiveAvgPool2d(1)
    )
    return Tower(
        module=nn.Sequential(parts | {"flat": nn.Flatten()}).eval(),
        preprocessing=PREPROCESSING,
        blocks=("stem", "body"),
        layers=("stem", "body", "pool"),
    )


def _write_colours(towers: Mapping[str, AnyTower]) -> None:
    """A colour's word lies where its pictures do: one number up, the others down."""
    eye = torch.eye(3)
    table = towers[TEXT].module.get_submodule("words").get_parameter("weight").data
    table *= _FAINT
    for colour, vector in zip(_COLOURS, 2 * eye - 1, strict=True):
        table[_ids(colour)] = vector
    towers[TEXT].module.get_submodule("mix").load_state_dict(
        {"weight": eye, "bias": torch.zeros(3)}
    )
    for part in ("stem", "body"):
        towers[IMAGE].module.get_submodule(part).load_state_dict(
            {"weight": eye.reshape(3, 3, 1, 1), "bias": torch.zeros(3)}
        )
