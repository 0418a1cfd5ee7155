import io
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save_file

from zoo.errors import DamagedError
from zoo.storage.tensors import join_tensors, read_tensor_metadata


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, Path]:
    given = {
        "network": {"steps": np.array(3), "weight": np.arange(6, dtype=np.float32).reshape(2, 3)},
        "head": {"bias": np.ones(3, np.float32), "empty": np.zeros((0, 2), np.float32)},
    }
    paths = {part: tmp_path / f"{part}.safetensors" for part in given}
    for part, tensors in given.items():
        save_file(tensors, paths[part], {"labels": part})
    return paths


def joined(parts: dict[str, Path], **metadata: str) -> bytes:
    target = io.BytesIO()
    join_tensors(target, parts, metadata=metadata)
    return target.getvalue()


def test_all_tensors_are_there_under_the_names_of_their_parts(
    parts: dict[str, Path], tmp_path: Path
) -> None:
    whole = joined(parts, b="2", a="é")
    found = load(whole)
    assert sorted(found) == ["head.bias", "head.empty", "network.steps", "network.weight"]
    np.testing.assert_array_equal(found["network.weight"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found["head.bias"], [1, 1, 1])
    assert found["network.steps"] == 3

    path = tmp_path / "whole.safetensors"
    path.write_bytes(whole)
    assert read_tensor_metadata(path) == {"a": "é", "b": "2"}
    assert read_tensor_metadata(parts["head"]) == {"labels": "head"}


def test_the_same_parts_make_the_same_file(parts: dict[str, Path]) -> None:
    assert joined(parts, a="1", b="2") == joined(parts, b="2", a="1")


@pytest.mark.parametrize("content", [b"", b"short", b"\x08" + bytes(7) + b"no JSON!"])
def test_a_file_of_another_format_is_refused(parts: dict[str, Path], content: bytes) -> None:
    parts["head"].write_bytes(content)
    with pytest.raises(DamagedError, match=r"^'head\.safetensors' is no safetensors file: "):
        joined(parts)
