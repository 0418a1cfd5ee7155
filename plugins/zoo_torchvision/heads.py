"""Takes the classifier off a network, found as the last layer with parameters that runs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from zoo.backbone_tracing import Trace
from zoo.errors import PluginError


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """What was taken off: how many classes it tells apart, and the layer if it is linear."""

    classes: int
    linear: nn.Linear | None


def remove_classifier(network: nn.Module, seen: Trace, *, is_whole: bool) -> Classifier:
    """Leave the network giving what its classifier was given.

    A classifier of convolutions (SqueezeNet) goes as a whole, for a global average; so does,
    for nothing, one whose inner layers were published without numbers (not `is_whole`).
    """
    name = _last_layer(network, seen)
    layer = network.get_submodule(name)
    if isinstance(layer, nn.Linear) and is_whole:
        network.set_submodule(name, nn.Identity())
        return Classifier(classes=layer.out_features, linear=layer)
    average = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network.set_submodule(name.partition(".")[0], average if is_whole else nn.Identity())
    return Classifier(classes=_outputs(layer), linear=None)


def remove_idle(network: nn.Module, seen: Trace) -> None:
    """Take off what has parameters and never ran: the Inceptions' classifiers of training."""
    ran = {name.partition(".")[0] for name in seen.begun}  # a list of blocks runs in its blocks
    for name, part in list(network.named_children()):
        if name not in ran and next(part.parameters(), None) is not None:
            setattr(network, name, None)


def _last_layer(network: nn.Module, seen: Trace) -> str:
    layers = dict(network.named_modules())
    for name in reversed(seen.ended):
        if isinstance(layers[name], nn.Linear | nn.Conv2d):
            return name
    raise PluginError("it has no layer that could be its classifier", plugin="torchvision")


def _outputs(layer: nn.Module) -> int:
    if isinstance(layer, nn.Linear):
        return layer.out_features
    return layer.out_channels if isinstance(layer, nn.Conv2d) else 0
