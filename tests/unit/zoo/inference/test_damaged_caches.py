"""Whatever becomes of what was made from weights, it is made again and never used as it is."""

import shutil
from pathlib import Path

import pytest
import torch

from tests.damage import DAMAGES, damage
from zoo.errors import DamagedError
from zoo.inference import checkpoints
from zoo.inference.checkpoints import CheckpointReader
from zoo.inference.exports import Exports
from zoo.predictor import BackboneDetail


@pytest.mark.parametrize("file", ["export.json", "graph.onnx", "head.safetensors"])
def test_every_damage_to_an_export_has_it_made_again(
    exported_home: Path, known: BackboneDetail, tmp_path: Path, file: str
) -> None:
    space_id = known.space.space_id
    sound = exported_home / "engines" / space_id
    for name in DAMAGES:
        home = tmp_path / name.replace(" ", "-")
        shutil.copytree(sound, home / "engines" / space_id)
        sibling = tmp_path / "another"
        sibling.write_bytes((sound / "graph.onnx").read_bytes()[::-1])
        damage(name, home / "engines" / space_id / file, sibling=sibling)

        assert not is_used(home, space_id), name


def test_an_export_in_the_folder_of_another_space_is_none(
    exported_home: Path, known: BackboneDetail, tmp_path: Path
) -> None:
    other = "0" * 64
    shutil.copytree(exported_home / "engines" / known.space.space_id, tmp_path / "engines" / other)

    assert Exports(tmp_path, timeout_s=1).find(other) is None


def is_used(home: Path, space_id: str) -> bool:
    found = Exports(home, timeout_s=1).find(space_id)
    if found is None:
        return False
    try:
        found.check()
    except DamagedError:
        return False
    return True


def test_every_damage_to_converted_weights_has_them_converted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = CheckpointReader(plugin="p", cache=tmp_path / "weights")
    given = []
    for seed in range(2):
        torch.manual_seed(seed)
        tensors = {"z": torch.rand(40, 50), "a": torch.rand(7)}
        path = tmp_path / f"{seed}.pth"
        torch.save(tensors, path)
        before = set((tmp_path / "weights").glob("*"))
        reader(path)
        [copy] = set((tmp_path / "weights").iterdir()) - before
        given.append((path, tensors, copy))
    (path, tensors, copy), (_, _, sibling) = given
    sound = copy.read_bytes()
    for name in DAMAGES:
        copy.write_bytes(sound)
        damage(name, copy, sibling=sibling)

        found = reader(path)

        assert list(found) == list(tensors), name
        assert all(torch.equal(found[key], tensors[key]) for key in tensors), name
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints.torch, "load", None)
            reader(path)  # from the new copy
