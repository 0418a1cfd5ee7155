"""Measures a network in one forward: its cost and what its layers give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

_DEPTHS = ("early", "middle", "deep")
Shape = tuple[int, ...]
Given: TypeAlias = Tensor | Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one forward showed."""

    output: object  # whatever the network gave
    multiply_adds: int | None = None  # of matrix products, convolutions and attention
    shapes: Mapping[str, Shape] = field(default_factory=dict)  # by submodule, without the batch


def measure(module: nn.Module, given: Given, *, layers: Iterable[str]) -> Measurement:
    """Forward a picture `(1, 3, height, width)` or a text's tokens; raises what the network does.

    `shapes` holds the layers that gave a tensor, in the order in which they ended.
    """
    try:
        return _watch(module, given, layers=layers)
    except Exception:  # noqa: BLE001  # scripted modules take no hooks: forward them unwatched
        with torch.no_grad():
            return Measurement(output=forward(module, given))


def forward(module: nn.Module, given: Given) -> object:
    """What a tower's module gives: it takes pictures by position and tokens by name."""
    return module(given) if isinstance(given, Tensor) else module(**given)


def _watch(module: nn.Module, given: Given, *, layers: Iterable[str]) -> Measurement:
    shapes: dict[str, Shape] = {}
    hooks = [
        module.get_submodule(name).register_forward_hook(partial(_note, shapes, name))
        for name in dict.fromkeys(layers)
    ]
    try:
        with torch.no_grad(), _counter() as counter:
            output = forward(module, given)
    finally:
        for hook in hooks:
            hook.remove()
    # A multiplication and its addition are two operations to torch's counter.
    return Measurement(
        output=output, multiply_adds=counter.get_total_flops() // 2 or None, shapes=shapes
    )


def _counter() -> FlopCounterMode:
    # torch's own counter passes over the kernel that `nn.MultiheadAttention` evaluates with.
    fused = torch.ops.aten._native_multi_head_attention
    return FlopCounterMode(display=False, custom_mapping={fused: _count_attention})


def _count_attention(
    query: Shape, key: Shape, _value: Shape, dim: int, *_others: object, **_named: object
) -> int:
    """Operations of the four projections and the two products of attention."""
    pictures, asked, _ = query
    projections = 2 * pictures * (2 * asked + 2 * key[1]) * dim * dim
    return projections + 4 * pictures * asked * key[1] * dim


def _note(
    shapes: dict[str, Shape], name: str, _module: nn.Module, _inputs: object, output: object
) -> None:
    if isinstance(output, Tensor) and output.ndim > 1:
        shapes[name] = tuple(output.shape[1:])


def find_taps(shapes: Mapping[str, Shape], *, blocks: Iterable[str]) -> dict[str, str]:
    """Layers to look at by depth: two blocks on the way, and the last map before pooling."""
    maps = [name for name, shape in shapes.items() if _is_map(shape)]
    if not maps:
        return {}
    trunk = [name for name in blocks if name in maps] or maps
    last = len(trunk) - 1
    chosen = trunk[round(last / 3)], trunk[round(2 * last / 3)], maps[-1]
    return dict(zip(_DEPTHS, chosen, strict=True))


def _is_map(shape: Shape) -> bool:
    """Whether there is more than one place, in channels-first, channels-last or token order."""
    return len(shape) > 1 and sum(side > 1 for side in shape) > 1
