import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.training import duplicates
from zoo.training.duplicates import find_near_duplicates


def scattered(n: int, *, dim: int = 64, seed: int = 0) -> NDArray[np.float32]:
    """Embeddings of which no two are alike, about a mean that all share."""
    rng = np.random.default_rng(seed)
    return (5 + rng.standard_normal((n, dim))).astype(np.float32)


def keys(n: int) -> list[str]:
    return [f"{number:05d}" for number in range(n)]


def copies(features: NDArray[np.float32], *places: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(1).standard_normal((len(places), features.shape[1]))
    return np.concatenate([features, features[list(places)] + 0.05 * noise.astype(np.float32)])


def test_copies_share_the_first_one_s_key_and_others_keep_their_own() -> None:
    features = copies(scattered(40), 3, 3, 17)
    found = find_near_duplicates(features, keys=keys(43), labels=["a"] * 43, above=0.9)
    assert found.keys == (*keys(40), "00003", "00003", "00017")
    assert (found.groups, found.contents, found.disagreeing) == (2, 5, ())


def test_what_all_share_makes_nothing_alike() -> None:
    features = scattered(40)
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert (units @ units.T).min() > 0.9
    found = find_near_duplicates(features, keys=keys(40), labels=["a"] * 40, above=0.9)
    assert found.groups == 0


def test_the_same_content_is_one_whatever_is_asked() -> None:
    features = scattered(10)[[0, 0, 1, 2, 3, 4, 5, 6]]
    names = ["x", "x", *keys(6)]
    found = find_near_duplicates(features, keys=names, labels=["a"] * 8, above=1)
    assert found.keys == tuple(names)


def test_a_class_that_looks_alike_is_not_taken_for_copies() -> None:
    alike = np.full((12, 64), 9, np.float32) + 0.01 * scattered(12)
    features = np.concatenate([alike, scattered(30, seed=2)])
    labels = ["red"] * 12 + ["other"] * 30
    found = find_near_duplicates(features, keys=keys(42), labels=labels, above=0.9)
    red = found.keys[:12]
    assert max(red.count(key) for key in red) <= 3


def test_copies_within_a_class_that_looks_alike_are_still_found() -> None:
    direction = np.zeros((1, 64), np.float32)
    direction[0, 0] = 30
    alike = direction + scattered(16)
    features = np.concatenate([alike, alike[:1] + 1e-3, scattered(60, seed=2)])
    labels = ["red"] * 17 + ["other"] * 60
    found = find_near_duplicates(features, keys=keys(77), labels=labels, above=0.9)
    assert found.keys[16] == "00000"


def test_copies_with_different_labels_are_told() -> None:
    features = copies(scattered(40), 7)
    labels = ["a"] * 20 + ["b"] * 21
    found = find_near_duplicates(features, keys=keys(41), labels=labels, above=0.9)
    assert found.disagreeing == (7, 40)


def test_the_quick_look_at_a_few_coordinates_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = copies(scattered(300, dim=128), *range(0, 300, 7))
    n = len(features)
    exact = find_near_duplicates(features, keys=keys(n), labels=["a"] * n, above=0.9)
    monkeypatch.setattr(duplicates, "PROJECTED_FROM", 50)
    monkeypatch.setattr(duplicates, "COORDINATES", 8)
    monkeypatch.setattr(duplicates, "TILE", 64)
    monkeypatch.setattr(duplicates, "PAIRS_AT_ONCE", 5)
    assert find_near_duplicates(features, keys=keys(n), labels=["a"] * n, above=0.9) == exact
    assert exact.groups == 43
