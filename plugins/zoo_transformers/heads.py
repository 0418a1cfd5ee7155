"""The classifier that a checkpoint brings beside its encoder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo.backbone import NativeHead

_MATRIX, _BIAS = "classifier.weight", "classifier.bias"


def find_head(
    config: Mapping[str, Any], state: Mapping[str, Tensor], *, dim: int
) -> NativeHead | None:
    """The head, if it is one linear map of the embedding with a name for each class."""
    matrix, named = state.get(_MATRIX), config.get("id2label")
    if matrix is None or not isinstance(named, dict) or matrix.shape != (len(named), dim):
        return None
    bias = state.get(_BIAS, torch.zeros(len(named)))
    names = [str(named.get(str(place), place)) for place in range(len(named))]
    return NativeHead(matrix=matrix.float(), bias=bias.float(), labels=_told_apart(names))


def _told_apart(names: list[str]) -> tuple[str, ...]:
    """Names that come twice, as ImageNet's two cranes, get their number."""
    counted = Counter(names)
    return tuple(
        name if counted[name] == 1 else f"{name} ({place})" for place, name in enumerate(names)
    )
