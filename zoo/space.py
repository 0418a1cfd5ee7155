"""What makes two embeddings comparable: the space and its identifier."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from zoo.backbone import AnyPreprocessing

FLOAT32, BFLOAT16 = "float32", "bfloat16"
"""The precisions that spaces come in: what a network computes in; vectors are always float32."""

_LATER: Mapping[str, str] = {"crop_mode": "center", "crop_rounding": "even"}
"""Fields of a picture's preprocessing that were not there from the beginning."""


@dataclass(frozen=True, kw_only=True)
class TowerSpace:
    """One tower's share in a space."""

    tower: str
    layer: str  # "" is the backbone's own output
    pooling: str  # "native": as the network pools before its head
    preprocessing: AnyPreprocessing


@dataclass(frozen=True, kw_only=True)
class Space:
    """Everything that a vector depends on besides the content itself."""

    weights_hash: str
    architecture: str
    towers: tuple[TowerSpace, ...]
    normalisation: str = "none"
    precision: str = FLOAT32
    quantisation: str = "none"
    definition: str = ""  # what the architecture's name does not tell; see `Backbone`

    @cached_property
    def space_id(self) -> str:
        """sha256 (hex) of the canonical JSON of all fields."""
        fields = asdict(self)
        _leave_out_defaults(fields)
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _leave_out_defaults(fields: dict[str, Any]) -> None:
    # What was added later is not part of the text at its default: spaces that exist keep their id.
    if not fields["definition"]:
        del fields["definition"]
    for tower in fields["towers"]:
        for name, default in _LATER.items():
            if tower["preprocessing"].get(name) == default:
                del tower["preprocessing"][name]


_SPELLINGS: Mapping[str, str] = {
    "bf16": BFLOAT16, "bfloat16": BFLOAT16, "fp32": FLOAT32, "float32": FLOAT32,
}  # fmt: skip
_SUFFIXES: Mapping[str, str] = {FLOAT32: "", BFLOAT16: ":bf16"}


def at_precision(name: str, precision: str) -> str:
    """A backbone's plain name with a precision: `lite.efficientnet_lite0.in1k:bf16`."""
    return f"{name}{_SUFFIXES[precision]}"


def split_precision(name: str) -> tuple[str, str]:
    """A backbone's plain name and its precision, float32 where it names none that there is."""
    plain, _, spelling = name.rpartition(":")
    precision = _SPELLINGS.get(spelling.strip().casefold())
    return (plain, precision) if plain and precision else (name, FLOAT32)
