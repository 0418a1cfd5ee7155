"""Pools the output of the networks that timm leaves unpooled: encoders and detectors' trunks."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

_MARK = "zoo_is_pooled"


def pool_if_needed(network: nn.Module, *, dim: int) -> None:
    """Average what the network gives over all places, where it gives a map or tokens."""
    if getattr(network, _MARK, False):
        return
    setattr(network, _MARK, True)
    network.register_forward_hook(partial(_pool, dim=dim))


# Of the module, not of a call, so that a network can be copied and sent to another process.
def _pool(_module: nn.Module, _inputs: object, output: Tensor, *, dim: int) -> Tensor:
    if output.ndim == 2:
        return output
    if output.ndim == 4 and output.shape[1] == dim:
        return output.mean((2, 3))
    return output.flatten(1, -2).mean(1)
