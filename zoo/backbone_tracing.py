"""The order of a network's parts, found by watching one forward of a copy without numbers.

For plugins whose networks do not say it themselves. It needs torch: import it where you build.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What one forward showed, by submodule names."""

    begun: dict[str, int] = field(default_factory=dict)  # in the order of their first call
    ended: list[str] = field(default_factory=list)  # each time one gave a row a picture or text
    output: list[tuple[int, ...]] = field(default_factory=list)  # the network's own, once


def hollow(network: nn.Module) -> nn.Module:
    """A copy whose tensors have shapes and no numbers: forwarding it costs no arithmetic."""
    empty: dict[int, object] = {
        id(one): nn.Parameter(one.to("meta"), requires_grad=False) for one in network.parameters()
    }
    empty |= {id(one): one.to("meta") for one in network.buffers()}
    return copy.deepcopy(network, empty)


def blank_picture(input_size: tuple[int, int]) -> Tensor:
    """A picture to trace with: float32 `(1, 3, height, width)`."""
    return torch.zeros(1, 3, *input_size)


def trace(network: nn.Module, *given: Tensor, **named: Tensor) -> Trace:
    """Forward pictures, or texts' tokens by name, and note which submodules ran."""
    seen = Trace()
    n = len(next(iter((*given, *named.values()))))
    hooks = [
        hook
        for name, module in network.named_modules()
        for hook in _watch(seen, name, module=module, n=n)
    ]
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad():
            output = network(
                *(one.to(device) for one in given),
                **{name: one.to(device) for name, one in named.items()},
            )
    finally:
        for hook in hooks:
            hook.remove()
    seen.output.append(tuple(output.shape))
    return seen


def _watch(
    seen: Trace, name: str, *, module: nn.Module, n: int
) -> Iterator[torch.utils.hooks.RemovableHandle]:
    def begin(_module: nn.Module, _inputs: object) -> None:
        seen.begun.setdefault(name, len(seen.begun))

    def end(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim > 1 and output.shape[0] == n:
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


def find_blocks(seen: Trace, network: nn.Module, *, stages: Sequence[str]) -> tuple[str, ...]:
    """Submodules in forward order that share no parameter: what contains a stage is opened.

    What never ran as a module of its own stands where it is defined. What only scales and shifts,
    such as the norm behind the last stage, is no block: it goes with the one before it.
    """
    blocks = without_norms(tuple(_open("", network, stages=stages)), network)
    position = -1
    order = {}
    for name in blocks:
        position = _first_call(seen, name, default=position)
        order[name] = position
    return tuple(sorted(blocks, key=order.__getitem__))


def without_norms(names: Sequence[str], network: nn.Module) -> tuple[str, ...]:
    """The submodules that do more than scale and shift; all of them, if none does."""
    return tuple(name for name in names if _mixes(network.get_submodule(name))) or tuple(names)


def _mixes(module: nn.Module) -> bool:
    """Whether it mixes numbers; a norm only scales and shifts each of them."""
    return any(parameter.ndim > 1 for parameter in module.parameters())


def _first_call(seen: Trace, name: str, *, default: int) -> int:
    if name in seen.begun:
        return seen.begun[name]
    inside = [call for other, call in seen.begun.items() if other.startswith(f"{name}.")]
    return min(inside, default=default)


def _open(name: str, module: nn.Module, *, stages: Sequence[str]) -> Iterator[str]:
    prefix = f"{name}." if name else ""
    if name and not any(stage.startswith(prefix) for stage in stages):
        if next(module.parameters(), None) is not None:
            yield name
        return
    for child, part in module.named_children():
        yield from _open(f"{prefix}{child}", part, stages=stages)
