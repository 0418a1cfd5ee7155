"""Builds torchvision's networks and takes their classifier off, wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torchvision import models  # type: ignore[import-untyped]  # it ships no types

from zoo.backbone import RANDOM_WEIGHTS, Backbone, LoadRequest, NativeHead, Tower
from zoo.backbone_tracing import Trace, blank_picture, find_layers, hollow, trace
from zoo.errors import NotFoundError
from zoo_torchvision.cards import read_input_sizes, read_preprocessing
from zoo_torchvision.checkpoints import fill, find_checkpoint
from zoo_torchvision.enums import WeightsEntry, architectures, entries, tag_of
from zoo_torchvision.heads import Classifier, remove_classifier, remove_idle
from zoo_torchvision.structure import find_blocks

_SEED = 0
_OPTIONS: Mapping[str, Mapping[str, bool]] = {
    # Asked not to leave their initialisation to a default that they warn of.
    "googlenet": {"init_weights": True},
    "inception_v3": {"init_weights": True},
}


def build(request: LoadRequest) -> Backbone:
    """An architecture with one of its weights, or untrained with parameters of a fixed seed."""
    _check_architecture(request.architecture)
    if request.weights == RANDOM_WEIGHTS:
        entry = entries(request.architecture)[0]
        network = _create(request.architecture, entry)
        return _backbone(request.architecture, entry, network=network, is_trained=False)
    entry = _find(request.architecture, request.weights)
    state = request.read_checkpoint(find_checkpoint(request.architecture, entry))
    network = _create(request.architecture, entry)
    fill(network, state)
    if hasattr(network, "transform_input"):
        # The two Inceptions' weights expect TensorFlow's numbers.
        network.transform_input = True  # type: ignore[assignment]  # a plain attribute
    return _backbone(request.architecture, entry, network=network, is_trained=True)


def _check_architecture(architecture: str) -> None:
    if architecture not in architectures():
        raise NotFoundError(
            f"torchvision has no classification network {architecture!r}",
            code="unknown_architecture",
        )


def _find(architecture: str, tag: str) -> WeightsEntry:
    listed = {tag_of(entry): entry for entry in entries(architecture)}
    if tag not in listed:
        raise NotFoundError(
            f"{architecture} has no weights {tag!r}; "
            f"it has {', '.join((*listed, RANDOM_WEIGHTS))}",
            code="unknown_weights",
            nearest=tuple(listed),
        )
    return listed[tag]


def _create(architecture: str, entry: WeightsEntry) -> nn.Module:
    """The network as these weights need it, with parameters of a fixed seed."""
    options: dict[str, object] = dict(_OPTIONS.get(architecture, {}))
    if architecture.startswith("vit_"):
        options["image_size"] = entry.transforms().crop_size[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network: nn.Module = models.get_model(architecture, weights=None, **options)
    return network.eval()


def _backbone(
    architecture: str, entry: WeightsEntry, *, network: nn.Module, is_trained: bool
) -> Backbone:
    preprocessing = read_preprocessing(entry)
    labels = tuple(entry.meta["categories"] or ())
    twin = hollow(network)
    picture = blank_picture(preprocessing.input_size)
    seen = trace(twin, picture)
    _behead(twin, seen, is_whole=bool(labels))
    after = trace(twin, picture)
    classifier = _behead(network, seen, is_whole=bool(labels))
    tower = Tower(
        module=network,
        preprocessing=preprocessing,
        blocks=find_blocks(after, network),
        layers=find_layers(after, network),
        input_sizes=read_input_sizes(architecture, entry),
    )
    return Backbone(
        towers={"image": tower},
        dim=after.output[0][-1],
        native_head=_native_head(classifier, labels) if is_trained else None,
        classes=classifier.classes,
    )


def _behead(network: nn.Module, seen: Trace, *, is_whole: bool) -> Classifier:
    remove_idle(network, seen)
    return remove_classifier(network, seen, is_whole=is_whole)


def _native_head(classifier: Classifier, labels: tuple[str, ...]) -> NativeHead | None:
    linear = classifier.linear
    if linear is None or len(labels) != classifier.classes:
        return None
    bias = torch.zeros(len(labels)) if linear.bias is None else linear.bias.detach()
    return NativeHead(matrix=linear.weight.detach(), bias=bias, labels=labels)
