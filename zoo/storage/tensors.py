"""Several safetensors files as one; their tensors are copied, never looked at."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

from zoo.errors import DamagedError

_LENGTH = struct.Struct("<Q")
_METADATA = "__metadata__"
_LONGEST_HEADER = 100_000_000  # as the format says


def join_tensors(
    target: IO[bytes], parts: Mapping[str, Path], *, metadata: Mapping[str, str]
) -> None:
    """Write the tensors of all parts under `<part>.<name>`; the same parts make the same file.

    `metadata` stands in place of the parts' own. The layout is that of
    huggingface.co/docs/safetensors, section Format. Raises `DamagedError` for a file of another.
    """
    header: dict[str, Any] = {_METADATA: dict(sorted(metadata.items()))}
    end = 0
    for part, path in parts.items():
        with path.open("rb") as file:
            tensors = _header(file, path)
        for name, about in tensors.items():
            moved = [offset + end for offset in about["data_offsets"]]
            header[f"{part}.{name}"] = {**about, "data_offsets": moved}
        end += max((about["data_offsets"][1] for about in tensors.values()), default=0)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    target.write(_LENGTH.pack(len(text)) + text)
    for path in parts.values():
        with path.open("rb") as file:
            _header(file, path)
            shutil.copyfileobj(file, target)


def read_tensor_metadata(path: Path) -> Mapping[str, str]:
    """What a safetensors file says of itself; raises `DamagedError` if it is none."""
    with path.open("rb") as file:
        found: Mapping[str, str] = _whole_header(file, path).get(_METADATA, {})
    return found


def _header(file: BinaryIO, path: Path) -> dict[str, Any]:
    """What is said of each tensor; the file stands at the first one's bytes afterwards."""
    header = _whole_header(file, path)
    header.pop(_METADATA, None)
    return header


def _whole_header(file: BinaryIO, path: Path) -> dict[str, Any]:
    try:
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        header: dict[str, Any] = json.loads(file.read(min(length, _LONGEST_HEADER)))
    except (struct.error, ValueError) as error:
        raise DamagedError(f"'{path.name}' is no safetensors file: {error}") from error
    return header
