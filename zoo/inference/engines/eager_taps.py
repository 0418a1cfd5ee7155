"""Watching layers of a network in torch while it forwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from zoo.errors import InvalidError
from zoo.inference.engines import FloatArray
from zoo.taps import Tap


@contextmanager
def watched(
    module: nn.Module, taps: Sequence[Tap], *, n: int
) -> Iterator[Mapping[str, FloatArray]]:
    """Keep what the tapped layers give for `n` pictures, by the taps' names.

    Of a layer that is called several times it is what it gave last. Raises `InvalidError` out of
    the forward, or at the end for a layer that was not called.
    """
    seen: dict[str, FloatArray] = {}
    with ExitStack() as hooks:
        for tap in taps:
            layer = module.get_submodule(tap.layer)
            handle = layer.register_forward_hook(partial(_keep, seen, tap, n))
            hooks.callback(handle.remove)
        yield seen
    for tap in taps:
        if tap.name not in seen:
            raise _odd(tap, "was not called")


def _keep(
    seen: dict[str, FloatArray],
    tap: Tap,
    n: int,
    _module: nn.Module,
    _inputs: object,
    output: object,
) -> None:
    if not isinstance(output, Tensor):
        raise _odd(tap, f"gave a {type(output).__name__}")
    # Networks that mix pictures with something else in one axis show it here.
    if output.shape != (n, *tap.shape):
        raise _odd(tap, f"gave {tuple(output.shape)}")
    seen[tap.name] = _formed(output, tap).cpu().numpy()


def _formed(output: Tensor, tap: Tap) -> Tensor:
    output = output.to(torch.float32)
    if tap.pooled:
        return output.mean(dim=[axis + 1 for axis in tap.pooled])
    if tap.order is not None:
        output = output.permute(0, *(axis + 1 for axis in tap.order))
    # A copy, whatever its order: the next layer may write over its input, as ReLUs do.
    return output.clone(memory_format=torch.contiguous_format)


def _odd(tap: Tap, what: str) -> InvalidError:
    return InvalidError(
        f"layer {tap.layer!r} {what}, not one array {tap.shape} for each picture",
        code="unknown_layer",
        field="layers",
    )
