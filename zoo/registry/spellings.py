"""Other libraries' spellings of a backbone's name, read as the registry's own."""

from __future__ import annotations

import re

from zoo.backbone import RANDOM_WEIGHTS

_HUBS = re.compile(r"(?:hf[-_]hub:)?timm/|(?:https://)?huggingface\.co/timm/")
_TRAINED = frozenset({"default", "pretrained", "pretrained=true", "weights=default", "true"})
_UNTRAINED = frozenset({"none", "untrained", "pretrained=false", "weights=none", "false"})


def read_spelling(name: str) -> str:
    """`name` as the registry would write it; an architecture alone stands for its default weights.

    `torchvision.ResNet50_Weights.IMAGENET1K_V2`, `torchvision.models.resnet50`,
    `torchvision.resnet50.DEFAULT`, `timm/resnet50.a1_in1k`, `timm.resnet50.pretrained=True`.
    """
    plain = _HUBS.sub("timm.", name.strip(), count=1).casefold().replace('"', "").replace("'", "")
    plugin, _, rest = plain.partition(".")
    architecture, _, tag = rest.removeprefix("models.").partition(".")
    parts = [plugin, architecture.removesuffix("_weights"), _read_tag(tag)]
    return ".".join(part for part in parts if part)


def _read_tag(tag: str) -> str:
    if tag in _TRAINED:
        return ""
    return RANDOM_WEIGHTS if tag in _UNTRAINED else tag.removeprefix("weights=")
