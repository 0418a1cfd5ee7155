import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.training import duplicates
from zoo.training.duplicates import find_alike, find_near_duplicates


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


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PROJECTED_FROM": 50,
        "COORDINATES": 8,
        "TILE": 64,
        "PAIRS_AT_ONCE": 5,
    }.items():
        monkeypatch.setattr(duplicates, name, value)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(("whole_pairs", "is_all"), [(10**6, True), (20_000, False), (0, False)])
def test_where_a_few_coordinates_tell_nothing_all_pairs_are_compared_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch, whole_pairs: int, is_all: bool
) -> None:
    compared = []
    units = duplicates._Nearness._units

    def count(near: duplicates._Nearness, members: NDArray[np.int64]) -> NDArray[np.float32]:
        compared.append(len(members))
        return units(near, members)

    monkeypatch.setattr(duplicates._Nearness, "_units", count)
    monkeypatch.setattr(duplicates, "WHOLE_PAIRS", whole_pairs)
    features = copies(scattered(300, dim=256), *range(0, 300, 7))
    n = len(features)
    found = find_near_duplicates(features, keys=keys(n), labels=["a"] * n, above=0.9)
    assert (found.groups == 43, found.unlooked == 0) == (is_all, is_all)
    assert 0 <= found.unlooked < n * n
    assert sum(compared) < 12 * n  # and not one by one


def test_the_quick_look_at_a_few_coordinates_loses_nothing(
    request: pytest.FixtureRequest,
) -> None:
    features = copies(scattered(300, dim=128), *range(0, 300, 7))
    n = len(features)
    exact = find_near_duplicates(features, keys=keys(n), labels=["a"] * n, above=0.9)
    request.getfixturevalue("small_tiles")
    assert find_near_duplicates(features, keys=keys(n), labels=["a"] * n, above=0.9) == exact
    assert exact.groups == 43


def test_what_is_like_one_of_others_is_found_and_nothing_else() -> None:
    features, others = scattered(40), scattered(90, seed=3)
    others[7] = features[5] + 0.01
    others[80] = features[31] - 0.01
    found = find_alike(features, others, above=0.9)
    assert np.flatnonzero(found).tolist() == [5, 31]
    assert not find_alike(features, others, above=1).any()
    assert find_alike(features[:0], others, above=0.9).shape == (0,)
    assert not find_alike(features, np.empty((0, 0), np.float32), above=0.9).any()


@pytest.mark.usefixtures("small_tiles")
def test_what_is_like_one_of_others_is_found_in_tiles_too() -> None:
    others = scattered(300, dim=128)
    features = np.concatenate([others[::7] + 0.01, scattered(60, dim=128, seed=3)])
    found = find_alike(features, others, above=0.9)
    assert np.flatnonzero(found).tolist() == list(range(43))
