from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from zoo.errors import DamagedError, InvalidError
from zoo.training.heads import FORMAT, Head, read_head, read_metadata, write_head

HEAD = Head(
    matrix=np.array([[1.0, -2.0], [0.5, 0.25], [0.0, 3.0]], np.float32),
    bias=np.array([0.1, -0.1, 0.0], np.float32),
    labels=("chat", "Hündin", "a,b"),
)


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    features = np.array([[0.3, -0.2], [1.0, 1.0]], np.float32)
    logits = features.astype(float) @ HEAD.matrix.T.astype(float) + HEAD.bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert HEAD.probabilities(features) == pytest.approx(expected)


def test_a_temperature_divides_the_logits_and_keeps_their_order() -> None:
    features = np.array([[1, 2], [-4, 0.5]], np.float32)
    cooler = HEAD.tempered(2.0)
    assert cooler.logits(features) == pytest.approx(HEAD.logits(features) / 2)
    assert (cooler.labels, cooler.matrix.dtype) == (HEAD.labels, np.float32)


def test_probabilities_stay_finite_for_huge_logits() -> None:
    found = HEAD.probabilities(np.array([[1e6, -1e6], [-1e6, 1e6]], np.float32))
    assert found.sum(axis=1).tolist() == [1.0, 1.0]
    assert found.argmax(axis=1).tolist() == [0, 2]


def test_features_of_another_space_are_refused() -> None:
    with pytest.raises(InvalidError) as caught:
        HEAD.probabilities(np.zeros((4, 5), np.float32))
    assert caught.value.code == "wrong_dimension"
    assert caught.value.detail == "features must have the shape (n, 2), not (4, 5)"


def test_a_head_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    write_head(path, HEAD, {"space_id": "abc", "version": "pets:1"})
    found = read_head(path)

    assert found.matrix.tobytes() == HEAD.matrix.tobytes()
    assert found.bias.tobytes() == HEAD.bias.tobytes()
    assert found.labels == HEAD.labels
    assert read_metadata(path) == {"space_id": "abc", "version": "pets:1"}


def test_the_same_head_makes_the_same_file(tmp_path: Path) -> None:
    fields = {f"field{number}": "x" for number in range(8)}
    write_head(tmp_path / "a", HEAD, fields)
    write_head(tmp_path / "b", HEAD, dict(reversed(fields.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 4096])
def test_a_file_of_nonsense_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "head.safetensors"
    path.write_bytes(content)
    for read in (read_head, read_metadata):
        with pytest.raises(
            DamagedError, match=r"'head\.safetensors' is not a head that can be read"
        ):
            read(path)


def test_a_missing_or_shortened_file_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    with pytest.raises(DamagedError):
        read_head(path)
    write_head(path, HEAD, {})
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DamagedError):
        read_head(path)


GOOD = {"format": FORMAT, "labels": '["a", "b"]'}
MATRIX = np.zeros((2, 3), np.float32)
BIAS = np.zeros(2, np.float32)


@pytest.mark.parametrize(
    ("tensors", "fields", "detail"),
    [
        (
            {"matrix": MATRIX, "bias": BIAS},
            {},
            "'h' has the format None, a head has 'featurezoo-head-1'",
        ),
        (
            {"matrix": MATRIX, "bias": BIAS},
            GOOD | {"labels": "["},
            "'h' has labels that are no JSON",
        ),
        (
            {"matrix": MATRIX, "bias": BIAS},
            GOOD | {"labels": "[1, 2]"},
            "'h' has labels that are no list of names",
        ),
        (
            {"matrix": MATRIX, "bias": BIAS},
            GOOD | {"labels": '["a"]'},
            "'h' has a matrix and bias of the shapes ((2, 3), (2,)) for 1 labels",
        ),
        (
            {"matrix": MATRIX.astype(np.float64), "bias": BIAS},
            GOOD,
            "'h' holds ['float32', 'float64'], a head is float32",
        ),
        (
            {"matrix": MATRIX, "bias": BIAS + np.float32(np.nan)},
            GOOD,
            "'h' holds numbers that are not finite",
        ),
    ],
)
def test_a_safetensors_file_that_is_no_head_is_damaged(
    tmp_path: Path, tensors: dict[str, np.ndarray], fields: dict[str, str], detail: str
) -> None:
    save_file(tensors, tmp_path / "h", metadata=fields)
    with pytest.raises(DamagedError) as caught:
        read_head(tmp_path / "h")
    assert caught.value.detail == detail


def test_a_head_without_its_bias_is_damaged(tmp_path: Path) -> None:
    save_file({"matrix": MATRIX}, tmp_path / "h", metadata=GOOD)
    with pytest.raises(DamagedError, match="'h' is not a head that can be read"):
        read_head(tmp_path / "h")
