import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch

from zoo.errors import PluginError
from zoo.inference import checkpoints
from zoo.inference.checkpoints import CheckpointReader, tensors_sha256

TENSORS = {
    "z": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "a": torch.tensor(7),
    "m": torch.arange(4, dtype=torch.float16)[::2],
}


@pytest.fixture
def reader(tmp_path) -> CheckpointReader:
    return CheckpointReader(plugin="p", cache=tmp_path / "weights")


@pytest.fixture
def pickled(tmp_path) -> Path:
    torch.save(TENSORS, tmp_path / "model.pth")
    return tmp_path / "model.pth"


def assert_same(found, expected):
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_safetensors_file_is_read_as_it_is(reader, tmp_path):
    safetensors.torch.save_file({"a": TENSORS["z"]}, tmp_path / "model.safetensors")

    assert_same(reader(tmp_path / "model.safetensors"), {"a": TENSORS["z"]})
    assert not (tmp_path / "weights").exists()


def test_a_pickle_is_unpickled_once_and_keeps_its_order(reader, pickled, monkeypatch):
    assert_same(reader(pickled), TENSORS)

    monkeypatch.setattr(checkpoints.torch, "load", None)

    assert_same(reader(pickled), TENSORS)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_copy_is_made_again(reader, pickled, tmp_path, damage, monkeypatch):
    reader(pickled)
    (copy,) = (tmp_path / "weights").iterdir()
    sound = copy.read_bytes()
    flipped = sound[:-1] + bytes([sound[-1] ^ 1])
    copy.write_bytes({"flip": flipped, "cut": sound[:-3], "empty": b""}[damage])

    assert_same(reader(pickled), TENSORS)

    monkeypatch.setattr(checkpoints.torch, "load", None)
    assert_same(reader(pickled), TENSORS)
    assert list((tmp_path / "weights").iterdir()) == [copy]


class Hostile:
    def __reduce__(self):
        return (Path.touch, (Path("owned"),))


def test_a_hostile_pickle_runs_nothing(reader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pth").write_bytes(pickle.dumps({"a": Hostile()}))

    with pytest.raises(PluginError, match=r"model\.pth is not a mapping of names to tensors"):
        reader(tmp_path / "model.pth")

    assert not (tmp_path / "owned").exists()


def test_a_checkpoint_of_something_else_is_refused(reader, tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"epoch": 3}, path)

    with pytest.raises(PluginError) as caught:
        reader(path)

    assert caught.value.plugin == "p"
    assert str(caught.value) == (
        f"checkpoint {path} is not a mapping of names to tensors: 'epoch' is no tensor"
    )


def test_the_checksum_ignores_order_and_memory_layout_but_nothing_else():
    image = torch.rand(2, 3, 4, 5)
    same = {"b": image.to(memory_format=torch.channels_last), "a": TENSORS["a"]}

    checksum = tensors_sha256({"a": TENSORS["a"], "b": image}.items())

    assert tensors_sha256(same.items()) == checksum
    assert tensors_sha256({**same, "b": image.double()}.items()) != checksum
    assert tensors_sha256({**same, "b": image.reshape(2, 3, 5, 4)}.items()) != checksum
    assert tensors_sha256({"a": same["a"], "c": same["b"]}.items()) != checksum
