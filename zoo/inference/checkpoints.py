"""Reads the checkpoint files that plugins bring; a pickle is read once, then its safe copy."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import safetensors.torch
import structlog
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from zoo.errors import PluginError

_log = structlog.get_logger()
_ORDER = "order"  # safetensors sorts its tensors; plugins may rely on the order of the source
_CHECKSUM = "sha256"


class CheckpointReader:
    """What a plugin gets as `read_checkpoint`: `reader(path)` gives the tensors by name.

    Pickles are loaded with `weights_only=True` and kept as safetensors under the checksum of
    the pickle in `cache`; a copy that is damaged is made again. Raises `PluginError`.
    """

    def __init__(self, *, plugin: str, cache: Path) -> None:
        self._plugin = plugin
        self._cache = cache

    def __call__(self, path: Path) -> Mapping[str, Tensor]:
        """The tensors of `path`, on the CPU, in their order."""
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        with path.open("rb") as source:
            checksum = hashlib.file_digest(source, "sha256").hexdigest()
        copy = self._cache / f"{checksum}.safetensors"
        found = _read_copy(copy, source=checksum)
        if found is None:
            found = self._unpickle(path)
            _write_copy(copy, found, source=checksum)
        return found

    def _unpickle(self, path: Path) -> dict[str, Tensor]:
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged or hostile pickle may raise anything
            raise self._unreadable(path, f"{type(error).__name__}: {error}") from error
        if not isinstance(found, Mapping):
            raise self._unreadable(path, f"it holds a {type(found).__name__}")
        strangers = [name for name, value in found.items() if not isinstance(value, Tensor)]
        if strangers:
            raise self._unreadable(path, f"{strangers[0]!r} is no tensor")
        return {str(name): tensor.detach().clone() for name, tensor in found.items()}

    def _unreadable(self, path: Path, reason: str) -> PluginError:
        return PluginError(
            f"checkpoint {path} is not a mapping of names to tensors: {reason}",
            plugin=self._plugin,
        )


def _read_copy(copy: Path, *, source: str) -> dict[str, Tensor] | None:
    """The tensors of a sound copy; None if there is none."""
    if not copy.exists():
        return None
    try:
        with safe_open(copy, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in json.loads(about[_ORDER])}
    except (SafetensorError, KeyError, ValueError, OSError):
        tensors, about = {}, {}
    if about.get(_CHECKSUM) == _checksum(tensors, source=source):
        return tensors
    _log.warning("weights_cache_damaged", path=str(copy))
    return None


def _write_copy(copy: Path, tensors: dict[str, Tensor], *, source: str) -> None:
    about = {
        _ORDER: json.dumps(list(tensors)),
        _CHECKSUM: _checksum(tensors, source=source),
    }
    content = safetensors.torch.save({n: t.contiguous() for n, t in tensors.items()}, about)
    copy.parent.mkdir(parents=True, exist_ok=True)
    # Several processes may convert the same file at once: each writes its own, the last stays.
    spool = copy.with_name(f"{copy.name}.{secrets.token_hex(8)}")
    with spool.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    spool.replace(copy)
    _sync_folder(copy.parent)


def _checksum(tensors: Mapping[str, Tensor], *, source: str) -> str:
    """Of the tensors in their order, and of the file that they are a copy of."""
    parts = [source, list(tensors), tensors_sha256(tensors.items())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tensors_sha256(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """sha256 (hex) of the tensors sorted by name: name, dtype, shape and raw bytes of each."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors, key=lambda pair: pair[0]):
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
