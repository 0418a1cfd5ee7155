"""Builds timm's networks without their classifier and fills them with what is on this machine."""

from __future__ import annotations

from collections.abc import Mapping

import timm
import torch
from timm.models import PretrainedCfg
from torch import Tensor, nn

from zoo.backbone import RANDOM_WEIGHTS, Backbone, LoadRequest, NativeHead, Tower
from zoo.backbone_tracing import (
    Trace,
    blank_picture,
    find_blocks,
    find_layers,
    hollow,
    trace,
)
from zoo.errors import NotFoundError
from zoo_timm.cards import configuration, read_input_sizes, read_preprocessing, trained
from zoo_timm.checkpoints import find_checkpoint
from zoo_timm.labels import class_labels
from zoo_timm.pooling import pool_if_needed

_SEED = 0
_TOLERANCE = 1e-3


def build(request: LoadRequest) -> Backbone:
    """An architecture with one of its tags, or untrained with parameters of a fixed seed."""
    _check_names(request)
    if request.weights == RANDOM_WEIGHTS:
        found = configuration(request.architecture)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_SEED)
            network = timm.create_model(request.architecture, num_classes=0)
        return _backbone(found, network)
    found = configuration(request.architecture, request.weights)
    state = request.read_checkpoint(find_checkpoint(found))
    network = _create_trained(found, state)
    head = _take_head(found, network)
    return _backbone(found, network, native_head=head)


def _check_names(request: LoadRequest) -> None:
    if not timm.is_model(request.architecture):
        near = tuple(timm.list_models(f"*{request.architecture}*")[:3])
        raise NotFoundError(
            f"timm {timm.__version__} has no architecture {request.architecture!r}",
            code="unknown_architecture",
            nearest=near,
        )
    tags = (*(str(one.tag) for one in trained(request.architecture)), RANDOM_WEIGHTS)
    if request.weights not in tags:
        raise NotFoundError(
            f"{request.architecture} has no weights {request.weights!r}; it has {', '.join(tags)}",
            code="unknown_weights",
            nearest=tags[:3],
        )


def _create_trained(found: PretrainedCfg, state: Mapping[str, Tensor]) -> nn.Module:
    # timm renames, reshapes and checks the tensors as for a download of its own.
    network: nn.Module = timm.create_model(
        f"{found.architecture}.{found.tag}",
        pretrained=True,
        pretrained_cfg_overlay={"state_dict": dict(state)},
    )
    network.pretrained_cfg.pop("state_dict", None)  # type: ignore[operator,union-attr]  # a dict that would keep a second copy
    return network.eval()


def _take_head(found: PretrainedCfg, network: nn.Module) -> NativeHead | None:
    """Remove the classifier; give it back if it is one linear map of the embedding."""
    classifier = network.get_classifier()  # type: ignore[operator]  # timm's own method
    picture = torch.zeros(1, *found.input_size)
    with torch.inference_mode():
        logits = network(picture)
        network.reset_classifier(0)  # type: ignore[operator]
        pool_if_needed(network, dim=network.head_hidden_size)  # type: ignore[arg-type]
        embedding = network(picture)
    labels = class_labels(found)
    if not isinstance(classifier, nn.Linear) or len(labels) != classifier.out_features:
        return None
    if embedding.shape[-1] != classifier.in_features:
        return None
    matrix = classifier.weight.detach()
    bias = torch.zeros(len(labels)) if classifier.bias is None else classifier.bias.detach()
    if not torch.allclose(embedding @ matrix.T + bias, logits, atol=_TOLERANCE, rtol=_TOLERANCE):
        return None  # two classifiers averaged, a scaled one: not what a native head is
    return NativeHead(matrix=matrix, bias=bias, labels=labels)


def _backbone(
    found: PretrainedCfg, network: nn.Module, *, native_head: NativeHead | None = None
) -> Backbone:
    network.eval()
    dim = int(network.head_hidden_size)  # type: ignore[arg-type]
    pool_if_needed(network, dim=dim)
    preprocessing = read_preprocessing(found)
    seen = _watch(network, preprocessing.input_size)
    tower = Tower(
        module=network,
        preprocessing=preprocessing,
        blocks=find_blocks(seen, network, stages=_stages(network)),
        layers=find_layers(seen, network),
        input_sizes=read_input_sizes(found),
    )
    return Backbone(
        towers={"image": tower},
        dim=dim,
        native_head=native_head,
        classes=found.num_classes or None,
    )


def _watch(network: nn.Module, input_size: tuple[int, int]) -> Trace:
    try:
        return trace(hollow(network), blank_picture(input_size))
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        return trace(
            network, blank_picture(input_size)
        )  # it computes with what shapes do not tell


def _stages(network: nn.Module) -> tuple[str, ...]:
    """Where timm takes its feature maps from, if it says so by names that there are."""
    known = {name for name, _ in network.named_modules()}
    listed = getattr(network, "feature_info", None) or ()
    names = (str(stage["module"]) for stage in listed)
    return tuple(name for name in names if name in known) or _largest_parts(network)


def _largest_parts(network: nn.Module) -> tuple[str, ...]:
    """What the largest part consists of: of MViTv2 and Twins it is all but the first layer."""
    name, largest = max(network.named_children(), key=lambda child: _size(child[1]))
    return tuple(f"{name}.{part}" for part, _ in largest.named_children())


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
