"""The compound scaling of the EfficientNet family, as its papers give it."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SCALING = {
    "b0": (1.0, 1.0, 224),
    "b1": (1.0, 1.1, 240),
    "b2": (1.1, 1.2, 260),
    "b3": (1.2, 1.4, 300),
    "b4": (1.4, 1.8, 380),
    "b5": (1.6, 2.2, 456),
    "b6": (1.8, 2.6, 528),
    "b7": (2.0, 3.1, 600),
    "b8": (2.2, 3.6, 672),
    "l2": (4.3, 5.3, 800),
    "lite0": (1.0, 1.0, 224),
    "lite1": (1.0, 1.1, 240),
    "lite2": (1.1, 1.2, 260),
    "lite3": (1.2, 1.4, 280),
    "lite4": (1.4, 1.8, 300),
}
"""Width, depth, resolution: arXiv:1905.11946, 1911.04252 (l2), tensorflow/tpu (lite, b8)."""
_NAME = re.compile(r"(?:tf_)?efficientnet_(b\d|l2|lite\d)")


def multipliers(architecture: str) -> Mapping[str, float]:
    """Width and depth multiplier and the resolution they were chosen with; else nothing."""
    match = _NAME.fullmatch(architecture)
    scaling = _SCALING.get(match[1]) if match else None
    if scaling is None:
        return {}
    width, depth, resolution = scaling
    return {"width_multiplier": width, "depth_multiplier": depth, "resolution": resolution}
