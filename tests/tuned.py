"""Tuned versions of real parts: a backbone's network with its numbers shaken, stored and named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from zoo.catalog import models
from zoo.catalog.records import VersionRecord
from zoo.inference.loading import LoadedBackbone, describe_network, load_backbone
from zoo.inference.networks import write_network
from zoo.names import new_id
from zoo.predictor import BackboneDetail, BackboneRef, detail_to_json, to_ref
from zoo.registry.models import resolve_backbone
from zoo.storage.blobs import BlobStore, file_sha256
from zoo.testing import tiny
from zoo.testing.service import ZooService
from zoo.training.heads import Head, write_head


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A blob's columns of a version."""

    key: str
    sha256: str
    size_bytes: int


def shake(loaded: LoadedBackbone, *, seed: int, by: float = 0.05) -> None:
    """Change every parameter of the image tower a little."""
    drawn = torch.Generator().manual_seed(seed)
    for parameter in loaded.image_tower.module.parameters():
        parameter += by * torch.randn(parameter.shape, generator=drawn)


def tuned_file(path: Path, ref: BackboneRef, *, cache: Path, seed: int = 1) -> BackboneDetail:
    """Write a network tuned from an untuned `ref`, and say what it is."""
    loaded = load_backbone(ref, weights_cache=cache)
    shake(loaded, seed=seed)
    write_network(path, loaded.image_tower)
    return describe_network(ref, path, name="pets", weights_cache=cache)


def register_tuned(
    zoo: ZooService, name: str, *, model: str = tiny.MODEL, seed: int = 1
) -> VersionRecord:
    """A version of `name` with a network tuned from `model`, and a head for three colours."""
    context, cache = zoo.context, zoo.settings.home / "weights"
    with context.catalog.read() as session:
        below = resolve_backbone(session, model)
    ref = to_ref(below, space_id=None)
    held = None if ref.network is None else context.blobs.local_path(ref.network.blob_key)
    loaded = load_backbone(ref, weights_cache=cache, network=held)
    shake(loaded, seed=seed)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        write_network(path, loaded.image_tower)
        detail = describe_network(ref, path, name=name, weights_cache=cache)
        network = _store(context.blobs, path, name)
        write_head(path, _head(detail.dim), {"model": name})
        head = _store(context.blobs, path, name)
    values = _values(below.name, detail, head=head, network=network)
    with context.catalog.write() as session:
        return models.add_version(session, name, card={"backbone": below.name}, values=values)


def _values(
    backbone: str, detail: BackboneDetail, *, head: Stored, network: Stored
) -> Mapping[str, Any]:
    job_id = new_id("job")
    return {
        "backbone": backbone,
        "space_id": detail.space.space_id,
        "blob_key": head.key,
        "sha256": head.sha256,
        "size_bytes": head.size_bytes,
        "weights_key": network.key,
        "weights_sha256": network.sha256,
        "weights_size_bytes": network.size_bytes,
        "detail": detail_to_json(detail),
        "labels": list(tiny.LABELS),
        "lineage": {"parent": backbone, "backbone": backbone, "job_id": job_id},
        "metrics": {"accuracy": 0.9, "accuracy_interval": [0.8, 0.95], "ece": 0.0, "n_test": 30},
        "job_id": job_id,
    }


def _head(dim: int) -> Head:
    """Of the tiny backbone, what its own says; of another nothing that means anything."""
    signs = np.concatenate([np.eye(3), -np.eye(3)], axis=1)
    matrix = np.resize(np.repeat(signs, tiny.DIM // 6, axis=1), (3, dim)).astype(np.float32)
    return Head(matrix=matrix, bias=np.zeros(3, np.float32), labels=tiny.LABELS)


def _store(blobs: BlobStore, path: Path, name: str) -> Stored:
    stored = Stored(
        key=f"versions/{new_id(name)}.safetensors",
        sha256=file_sha256(path),
        size_bytes=path.stat().st_size,
    )
    blobs.put(stored.key, path)
    return stored
