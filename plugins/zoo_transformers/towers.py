"""Towers around transformers' networks, with their blocks and layers."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from zoo.backbone import InputSizes, Preprocessing, TextPreprocessing, TextTower, Tower
from zoo.backbone_tracing import Trace, blank_picture, find_blocks, find_layers, hollow, trace
from zoo_transformers.families import ANY_SIZE, FULL_LENGTH, READOUTS
from zoo_transformers.folders import Model
from zoo_transformers.networks import ImageEncoder, PairImages, PairTexts, TextEncoder
from zoo_transformers.tokens import Tokenizer

_TRACED = ("a picture", "of a cat")
_N = len(_TRACED)  # two, to tell what gives a row for each from what gives one for all
_PIXELS = "pixels"


def image_tower(
    model: Model, network: nn.Module, preprocessing: Preprocessing
) -> tuple[Tower, int]:
    """The tower of an image encoder, or of a pair's; and how many numbers it gives."""
    known = model.configuration
    module: nn.Module = (
        PairImages(network)
        if known.family == "pair"
        else ImageEncoder(network, readout=READOUTS[known.model_type])
    )
    seen = _watch(module, {_PIXELS: blank_picture(preprocessing.input_size).repeat(_N, 1, 1, 1)})
    tower = Tower(
        module=module,
        preprocessing=preprocessing,
        blocks=find_blocks(seen, module, stages=_stages(module)),
        layers=find_layers(seen, module),
        input_sizes=InputSizes(is_fixed=known.model_type not in ANY_SIZE),
    )
    return tower, seen.output[0][-1]


def text_tower(
    model: Model, network: nn.Module, preprocessing: TextPreprocessing
) -> tuple[TextTower, int]:
    """The tower of a text encoder, or of a pair's; and how many numbers it gives."""
    known = model.configuration
    is_full = known.model_type in FULL_LENGTH
    module: nn.Module = (
        PairTexts(network, reads_padding=is_full)
        if known.pooling is None
        else TextEncoder(network, pooling=known.pooling)
    )
    tokenize = Tokenizer(model.folder, max_tokens=preprocessing.max_tokens, is_full=is_full)
    seen = _watch(module, tokenize(_TRACED))
    tower = TextTower(
        module=module,
        tokenize=tokenize,
        preprocessing=preprocessing,
        blocks=find_blocks(seen, module, stages=_stages(module)),
        layers=find_layers(seen, module),
    )
    return tower, seen.output[0][-1]


def _watch(module: nn.Module, given: Mapping[str, Tensor]) -> Trace:
    module.eval()
    try:
        return trace(hollow(module), **given)
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        return trace(module, **given)  # it computes with what shapes do not tell


def _stages(module: nn.Module) -> tuple[str, ...]:
    """The members of the outermost lists of parts that are alike, which are a network's depth."""
    lists = [
        name
        for name, part in module.named_modules()
        if isinstance(part, nn.ModuleList) and len(part) > 1
    ]
    outermost = [
        name for name in lists if not any(name.startswith(f"{other}.") for other in lists)
    ]
    return tuple(
        f"{name}.{member}"
        for name in outermost
        for member, _ in module.get_submodule(name).named_children()
    )
