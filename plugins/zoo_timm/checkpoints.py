"""Where the parameters of a timm tag lie on this machine; nothing is ever downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import torch
from huggingface_hub import try_to_load_from_cache
from timm.models import PretrainedCfg

from zoo.errors import WeightsUnavailableError

PLUGIN = "timm"
FOLDER = "ZOO_TIMM_WEIGHTS"
"""Names a folder of files `<architecture>.<tag>.safetensors`."""
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_FOREIGN = {".npz"}  # of JAX; timm converts them only when it downloads them itself


def find_checkpoint(found: PretrainedCfg) -> Path:
    """A local file, one in the hub's cache or in torch's; else `WeightsUnavailableError`."""
    for path in (*_own_files(found), *_hub_files(found), *_torch_files(found)):
        if path.is_file() and path.suffix not in _FOREIGN:
            return path
    raise WeightsUnavailableError(
        f"the weights of timm.{found.architecture}.{found.tag} are not on this machine; "
        f"{_remedy(found)}",
        plugin=PLUGIN,
    )


def _own_files(found: PretrainedCfg) -> Iterator[Path]:
    folder = os.environ.get(FOLDER)
    if folder:
        yield Path(folder, f"{found.architecture}.{found.tag}.safetensors")


def _hub_files(found: PretrainedCfg) -> Iterator[Path]:
    if not found.hf_hub_id:
        return
    names = (found.hf_hub_filename,) if found.hf_hub_filename else _HUB_FILES
    for name in names:
        path = try_to_load_from_cache(found.hf_hub_id, name)
        if isinstance(path, str):
            yield Path(path)


def _torch_files(found: PretrainedCfg) -> Iterator[Path]:
    if isinstance(found.url, str) and found.url:
        yield Path(torch.hub.get_dir(), "checkpoints", found.url.rsplit("/", 1)[-1])


def _remedy(found: PretrainedCfg) -> str:
    if found.hf_hub_id:
        fetch = f"hf download {found.hf_hub_id}"
    else:
        fetch = f"download {found.url} into {torch.hub.get_dir()}/checkpoints"
    return (
        f"with a network: {fetch}; without: put {found.architecture}.{found.tag}.safetensors "
        f"into the folder that {FOLDER} names"
    )
