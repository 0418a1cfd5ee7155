"""The classifier on frozen features, and the safetensors file that keeps it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from zoo.errors import DamagedError, InvalidError

FloatArray = NDArray[np.float32]
WideArray = NDArray[np.float64]

FORMAT = "featurezoo-head-1"
"""Stands in the file's metadata; a new number for every change that old readers would misread."""

ROWS = 4096
"""Embeddings that are widened together."""
OWN_FIELDS = frozenset({"format", "labels"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """A linear classifier on raw embeddings: `logits = features @ matrix.T + bias`."""

    matrix: FloatArray  # (classes, dim)
    bias: FloatArray  # (classes,)
    labels: tuple[str, ...]

    def logits(self, features: NDArray[np.floating]) -> WideArray:
        """`(n, classes)` for `features` (n, dim).

        InvalidError with code "wrong_dimension" for features of another space.
        """
        if features.ndim != 2 or features.shape[1] != self.matrix.shape[1]:
            raise InvalidError(
                f"features must have the shape (n, {self.matrix.shape[1]}), not {features.shape}",
                code="wrong_dimension",
            )
        # float64: raw features times folded weights cancel against the bias. Part by part, as
        # features in float64 take twice the memory that they have.
        matrix = self.matrix.astype(np.float64).T
        parts = [features[at : at + ROWS] for at in range(0, len(features), ROWS)]
        wide = [part.astype(np.float64) @ matrix + self.bias for part in parts]
        return np.concatenate(wide) if wide else np.empty((0, len(self.bias)))

    def probabilities(self, features: NDArray[np.floating]) -> WideArray:
        """Softmax over the labels, `(n, classes)`; raises as `logits` does."""
        logits = self.logits(features)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)

    def tempered(self, temperature: float) -> Head:
        """The head whose logits are these divided by `temperature`: the same order of labels."""
        return replace(self, matrix=self.matrix / temperature, bias=self.bias / temperature)


def write_head(path: Path, head: Head, metadata: Mapping[str, str]) -> None:
    """Write `matrix` (classes, dim) and `bias` (classes,) float32 with labels and `metadata`.

    The file's metadata holds `format`, `labels` (a JSON list) and the caller's own fields.
    The caller makes the file durable.
    """
    fields = {**metadata, "format": FORMAT, "labels": json.dumps(head.labels, ensure_ascii=False)}
    matrix = head.matrix.astype("<f4").tobytes()
    bias = head.bias.astype("<f4").tobytes()
    # Written by hand: the library puts metadata in a random order, and the same head must make
    # the same file. The layout is that of huggingface.co/docs/safetensors, section Format.
    header = {
        "__metadata__": dict(sorted(fields.items())),
        "bias": _entry(head.bias, start=0),
        "matrix": _entry(head.matrix, start=len(bias)),
    }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bias + matrix)


def _entry(array: FloatArray, *, start: int) -> dict[str, str | list[int]]:
    return {
        "dtype": "F32",
        "shape": list(array.shape),
        "data_offsets": [start, start + array.size * 4],
    }


def read_head(path: Path) -> Head:
    """The head of a file made by `write_head`; DamagedError for anything else."""
    try:
        with safe_open(path, framework="numpy") as file:
            fields = file.metadata() or {}
            _check_format(path, fields.get("format"))
            head = Head(
                matrix=file.get_tensor("matrix"),
                bias=file.get_tensor("bias"),
                labels=_labels(path, fields.get("labels", "")),
            )
    except (SafetensorError, OSError) as error:
        raise DamagedError(f"'{path.name}' is not a head that can be read: {error}") from error
    _check_shapes(path, head)
    return head


def read_metadata(path: Path) -> dict[str, str]:
    """The caller's own fields as given to `write_head`; DamagedError for no safetensors file."""
    try:
        with safe_open(path, framework="numpy") as file:
            fields = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DamagedError(f"'{path.name}' is not a head that can be read: {error}") from error
    return {name: value for name, value in fields.items() if name not in OWN_FIELDS}


def _check_format(path: Path, found: str | None) -> None:
    if found != FORMAT:
        raise DamagedError(f"'{path.name}' has the format {found!r}, a head has {FORMAT!r}")


def _labels(path: Path, text: str) -> tuple[str, ...]:
    try:
        labels = json.loads(text)
    except ValueError as error:
        raise DamagedError(f"'{path.name}' has labels that are no JSON") from error
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise DamagedError(f"'{path.name}' has labels that are no list of names")
    return tuple(labels)


def _check_shapes(path: Path, head: Head) -> None:
    shapes = (head.matrix.shape, head.bias.shape)
    n = len(head.labels)
    fits = head.matrix.ndim == 2 and len(head.matrix) == n and head.bias.shape == (n,)
    if not fits:
        raise DamagedError(
            f"'{path.name}' has a matrix and bias of the shapes {shapes} for {n} labels"
        )
    types = {head.matrix.dtype.name, head.bias.dtype.name}
    if types != {"float32"}:
        raise DamagedError(f"'{path.name}' holds {sorted(types)}, a head is float32")
    if not (np.isfinite(head.matrix).all() and np.isfinite(head.bias).all()):
        raise DamagedError(f"'{path.name}' holds numbers that are not finite")
