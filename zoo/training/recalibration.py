"""Batch statistics taken anew, once the weights before them have changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.training.batches import make_batch
from zoo.training.networks import Material, Network
from zoo.training.recipes import Recipe, batches

AT_ONCE = 32
LEAST_AT_ONCE = 2
"""One picture has no statistics."""


@torch.no_grad()
def recalibrate(
    network: Network,
    layers: Sequence[_BatchNorm],
    material: Material,
    *,
    recipe: Recipe,
    look: Callable[[], None],
    at_once: int = AT_ONCE,
) -> None:
    """Give the layers the mean statistics of all pictures that were trained on.

    At most `at_once` are forwarded together, or two where it is less.

    Izmailov et al., Averaging weights leads to wider optima and better generalization, UAI 2018,
    section 3.2. The order and the variants are those of an epoch that never was.
    """
    network.forward.eval()
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum, layer.training = None, True  # None: each batch counts the same
    once = replace(recipe, batch_size=max(at_once, LEAST_AT_ONCE), mixup=0.0)
    epoch = recipe.epochs
    for step, places in enumerate(batches(len(material.targets), recipe=once, epoch=epoch)):
        look()
        if len(places) >= LEAST_AT_ONCE:
            batch = make_batch(
                material, places, recipe=once, epoch=epoch, step=step, to=network.input_size
            )
            network.logits(batch.pixels)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum, layer.training = momentum, False
