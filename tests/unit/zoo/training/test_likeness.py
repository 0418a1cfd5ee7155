import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.training.likeness import Likeness

Features = NDArray[np.float32]


def scattered(n: int = 200, *, dim: int = 96, seed: int = 0) -> Features:
    """Embeddings that differ in all directions alike."""
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def stretched(features: Features, *widths: float) -> Features:
    """The same, but that a few directions tell far more of them apart than all others."""
    axes, _ = np.linalg.qr(np.random.default_rng(7).standard_normal((features.shape[1],) * 2))
    told = features @ axes[:, : len(widths)] * (np.array(widths) - 1)
    return np.asarray(5 + features + told @ axes[:, : len(widths)].T, np.float32)


def cosines(features: Features) -> Features:
    """Of all pairs."""
    units = Likeness.of(features).units(features)
    return (units @ units.T)[np.triu_indices(len(features), 1)]


def test_where_all_directions_tell_something_cosines_are_those_about_the_mean() -> None:
    features = scattered()
    likeness = Likeness.of(features)
    centred = features - features.mean(axis=0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    assert len(likeness.axes) == 0
    np.testing.assert_allclose(likeness.units(features), expected, atol=1e-5)


@pytest.mark.parametrize(
    "widths", [(40.0,), (60.0, 30.0, 20.0), (99.0, 50.0, 20.0, 9.0, 9.0, 9.0)]
)
def test_strangers_are_unlike_though_a_few_directions_tell_nearly_all(
    widths: tuple[float, ...],
) -> None:
    features = stretched(scattered(), *widths)
    centred = features - features.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert (centred @ centred.T)[np.triu_indices(200, 1)].max() > 0.97
    assert cosines(features).max() < 0.8


def test_copies_stay_alike_though_a_few_directions_tell_nearly_all() -> None:
    originals = scattered()
    copies = originals[:20] + 0.1 * scattered(20, seed=1)
    features = stretched(np.concatenate([originals, copies]), 60.0, 30.0, 20.0)
    units = Likeness.of(features).units(features)
    assert np.einsum("nd,nd->n", units[:20], units[200:]).min() > 0.95


def test_embeddings_that_are_all_the_same_are_not_alike_but_of_no_length() -> None:
    features = np.full((9, 16), 3, np.float32)
    assert not Likeness.of(features).units(features).any()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_few_embeddings_lie_in_few_directions_and_are_left_as_they_are(n: int) -> None:
    features = stretched(scattered(n), 60.0)
    assert len(Likeness.of(features).axes) == 0
