"""The order of a network's parts, found by watching one forward."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

_FEWEST = 4


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What one forward showed, by submodule names."""

    begun: dict[str, int] = field(default_factory=dict)  # in the order of their first call
    ended: list[str] = field(default_factory=list)  # each time one gave a tensor
    output: list[tuple[int, ...]] = field(default_factory=list)  # the network's own, once


def hollow(network: nn.Module) -> nn.Module:
    """A copy whose tensors have shapes and no numbers: forwarding it costs no arithmetic."""
    empty: dict[int, object] = {
        id(one): nn.Parameter(one.to("meta"), requires_grad=False) for one in network.parameters()
    }
    empty |= {id(one): one.to("meta") for one in network.buffers()}
    return copy.deepcopy(network, empty)


def trace(network: nn.Module, input_size: tuple[int, int]) -> Trace:
    """Forward one empty picture and note which submodules ran."""
    seen = Trace()
    hooks = [
        hook
        for name, module in network.named_modules()
        for hook in _watch(seen, name, module=module)
    ]
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad():
            output = network(torch.zeros(1, 3, *input_size, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    seen.output.append(tuple(output.shape))
    return seen


def _watch(
    seen: Trace, name: str, *, module: nn.Module
) -> Iterator[torch.utils.hooks.RemovableHandle]:
    def begin(_module: nn.Module, _inputs: object) -> None:
        seen.begun.setdefault(name, len(seen.begun))

    def end(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim > 1 and output.shape[0] == 1:
            seen.ended.append(name)

    yield module.register_forward_pre_hook(begin)
    yield module.register_forward_hook(end)


def find_layers(seen: Trace, network: nn.Module) -> tuple[str, ...]:
    """Submodules that ran once and gave a tensor, in the order in which they ended."""
    layers = dict(network.named_modules())
    return tuple(
        name
        for name in seen.ended
        if name in layers
        and name
        and seen.ended.count(name) == 1
        and not isinstance(layers[name], nn.Identity | nn.Dropout)
    )


def find_blocks(seen: Trace, network: nn.Module) -> tuple[str, ...]:
    """Submodules in forward order that share no parameter; containers are opened until four.

    A ResNet's layers stay whole, the one long `features` of a VGG falls into its convolutions.
    """
    blocks = _with_parameters([name for name, _ in network.named_children()], network)
    while len(blocks) < _FEWEST:
        opened = _with_parameters(
            [inner for name in blocks for inner in _inside(name, network)], network
        )
        if opened == blocks:
            break
        blocks = opened
    order = {name: _first_call(seen, name) for name in blocks}
    return tuple(sorted(blocks, key=order.__getitem__))


def _with_parameters(names: list[str], network: nn.Module) -> list[str]:
    """Those that have parameters."""
    return [
        name for name in names if next(network.get_submodule(name).parameters(), None) is not None
    ]


def _inside(name: str, network: nn.Module) -> list[str]:
    """The parts of a submodule, or itself if it has none."""
    children = [f"{name}.{child}" for child, _ in network.get_submodule(name).named_children()]
    return _with_parameters(children, network) or [name]


def _first_call(seen: Trace, name: str) -> int:
    inside = [call for other, call in seen.begun.items() if other.startswith(f"{name}.")]
    return min([seen.begun.get(name, len(seen.begun)), *inside])
