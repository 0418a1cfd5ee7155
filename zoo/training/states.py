"""Where training stands, as tensors and facts, and the safetensors file that keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from zoo.errors import DamagedError

FORMAT = "featurezoo-training-1"
"""Stands in the file's metadata; a new number for every change that old readers would misread."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingState:
    """All that training goes on from, bit by bit."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]  # JSON: the position, the figures until now

    def below(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, without it."""
        start = f"{prefix}/"
        return {
            name.removeprefix(start): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(start)
        }


def write_state(path: Path, state: TrainingState) -> None:
    """Write a state to a file; nothing of it is a pickle."""
    tensors = {
        name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.tensors.items()
    }
    save_file(tensors, path, {"format": FORMAT, "facts": json.dumps(state.facts)})


def read_state(path: Path) -> TrainingState:
    """The same state again; `DamagedError` if the file is none."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise DamagedError(f"the checkpoint {path} cannot be read: {error}") from error
    if about.get("format") != FORMAT:
        raise DamagedError(
            f"the checkpoint {path} has the format {about.get('format')!r}, not {FORMAT!r}"
        )
    return TrainingState(tensors=tensors, facts=json.loads(about["facts"]))
