"""Where a folder's parameters lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.backbone import ReadCheckpoint
from zoo.errors import WeightsUnavailableError
from zoo_transformers.families import PLUGIN
from zoo_transformers.reading import UnusableError, read_optional

if TYPE_CHECKING:
    from torch import Tensor

_WHOLE = ("model.safetensors", "pytorch_model.bin")
_INDEX = "{}.index.json"


def has_checkpoint(folder: Path) -> bool:
    """Whether all files of the parameters are there."""
    return bool(_files(folder))


def read_state(folder: Path, read_checkpoint: ReadCheckpoint) -> dict[str, Tensor]:
    """All tensors by name; raises `WeightsUnavailableError` if the folder has none."""
    state: dict[str, Tensor] = {}
    for path in _files(folder):
        part: Mapping[str, Tensor] = read_checkpoint(path)
        state.update(part)
    if not state:
        raise WeightsUnavailableError(
            f"the folder {folder} has no model.safetensors; put the parameters there, or "
            "download the whole model with `hf download`",
            plugin=PLUGIN,
        )
    return state


def _files(folder: Path) -> tuple[Path, ...]:
    """One file, or all that an index names; none if any of them is missing."""
    for name in _WHOLE:
        if (folder / name).is_file():
            return (folder / name,)
        try:
            listed = read_optional(folder / _INDEX.format(name)).get("weight_map", {})
        except UnusableError:
            listed = {}
        parts = tuple(folder / str(part) for part in sorted(set(listed.values())))
        if parts and all(path.is_file() for path in parts):
            return parts
    return ()
