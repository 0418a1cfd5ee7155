"""Which submodules of a network are its blocks."""

from __future__ import annotations

from torch import nn

from zoo.backbone_tracing import Trace, without_norms

_FEWEST = 4


def find_blocks(seen: Trace, network: nn.Module) -> tuple[str, ...]:
    """Submodules in forward order that share no parameter; containers are opened until four.

    A ResNet's layers stay whole, the one long `features` of a VGG falls into its convolutions. A
    norm is no block: it goes with the one before it.
    """
    blocks = _with_parameters([name for name, _ in network.named_children()], network)
    while len(blocks) < _FEWEST:
        opened = _with_parameters(
            [inner for name in blocks for inner in _inside(name, network)], network
        )
        if opened == blocks:
            break
        blocks = opened
    order = {name: _first_call(seen, name) for name in without_norms(blocks, network)}
    return tuple(sorted(order, key=order.__getitem__))


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
