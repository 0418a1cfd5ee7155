"""What training a network came to, kept in files until the best of all is registered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from zoo.errors import DamagedError
from zoo.predictor import BackboneDetail, detail_from_json, detail_to_json
from zoo.training.heads import Head

FORMAT = "featurezoo-tuned-1"
"""Stands in the file's metadata; a new number for every change that old readers would misread."""


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A durable file and what it must be."""

    key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Story:
    """How training went."""

    epochs: tuple[Mapping[str, Any], ...]  # the figures of each
    best_epoch: int
    parameters: int  # that were trained, the head's among them
    cpu_s: float
    has_flips: bool
    batch_size: int  # pictures at once, in the end
    recipe: Mapping[str, Any] = field(default_factory=dict)  # every choice that was made
    has_stuck_statistics: bool = False  # that were to move, but had single pictures only


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuned:
    """A network that was trained, and what it makes of every example."""

    network: StoredFile
    detail: BackboneDetail
    vectors: NDArray[np.float32]  # (n, dim), in the order of the course's examples
    head: Head  # that was trained with it
    story: Story


def write_vectors(path: Path, *, vectors: NDArray[np.float32]) -> None:
    """Write embeddings `(n, dim)` while there are more to come."""
    with path.open("wb") as file:
        np.save(file, vectors, allow_pickle=False)


def read_vectors(path: Path) -> NDArray[np.float32]:
    """The same embeddings again."""
    vectors: NDArray[np.float32] = np.load(path, allow_pickle=False)
    return vectors


def write_tuned(path: Path, tuned: Tuned) -> None:
    """Write all of it to one file but the network, which has one of its own."""
    facts = {
        "network": asdict(tuned.network),
        "detail": detail_to_json(tuned.detail),
        "labels": list(tuned.head.labels),
        "story": asdict(tuned.story),
    }
    arrays = {"vectors": tuned.vectors, "matrix": tuned.head.matrix, "bias": tuned.head.bias}
    save_file(arrays, path, {"format": FORMAT, "facts": json.dumps(facts)})


def read_tuned(path: Path) -> Tuned:
    """The same again; `DamagedError` if the file is none."""
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in ("vectors", "matrix", "bias")}
    except (SafetensorError, OSError) as error:
        raise DamagedError(f"what training came to cannot be read at {path}: {error}") from error
    if about.get("format") != FORMAT:
        raise DamagedError(f"{path} has the format {about.get('format')!r}, not {FORMAT!r}")
    facts = json.loads(about["facts"])
    return Tuned(
        network=StoredFile(**facts["network"]),
        detail=detail_from_json(facts["detail"]),
        vectors=arrays["vectors"],
        head=Head(matrix=arrays["matrix"], bias=arrays["bias"], labels=tuple(facts["labels"])),
        story=Story(**{**facts["story"], "epochs": tuple(facts["story"]["epochs"])}),
    )
