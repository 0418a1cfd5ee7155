"""Keeps torch from writing past its memory where a convolution of single places skips some."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

_WIDE = 16
"""Channels from which on oneDNN's kernels are safe; with AVX2 it is 8."""
_PLACE = (1, 1)
_Places = tuple[int, ...]


def pick_places(tower: nn.Module) -> None:
    """Have strided 1 x 1 convolutions of few channels pick the places before they are called.

    What they give is the same. The gradient of their weights, on a CPU and channels last, is
    computed beyond the memory that was taken for it (oneDNN's issue 6035, open in torch 2.15):
    processes crash, or learn nonsense. RepVGG, MobileOne and FastViT begin with such a one.
    """
    for module in tower.modules():
        if isinstance(module, nn.Conv2d) and _is_unsafe(module):
            module.register_forward_pre_hook(partial(_pick, strides=module.stride))
            module.stride = _PLACE


def _is_unsafe(convolution: nn.Conv2d) -> bool:
    return (
        convolution.kernel_size == _PLACE
        and convolution.stride != _PLACE
        and convolution.padding == (0, 0)
        and convolution.in_channels // convolution.groups < _WIDE
    )


def _pick(
    _module: nn.Module, inputs: tuple[Tensor, ...], *, strides: _Places
) -> tuple[Tensor, ...]:
    maps, *others = inputs
    down, right = strides
    return (maps[..., ::down, ::right], *others)
