"""What moved between two networks, by the pictures that neither was trained on."""

import numpy as np
import pytest

from zoo.training.drift import measure_drift

VECTORS = np.random.default_rng(0).standard_normal((40, 16)).astype(np.float32)


def test_nothing_moved() -> None:
    found = measure_drift(VECTORS, 3 * VECTORS)
    assert found is not None
    assert found.mean_cosine == pytest.approx(1)
    assert (found.neighbours_kept, found.k, found.n) == (1.0, 10, 40)


def test_another_network_keeps_neighbours_by_chance_only() -> None:
    other = np.random.default_rng(1).standard_normal((40, 16)).astype(np.float32)
    found = measure_drift(VECTORS, other)
    assert found is not None
    assert abs(found.mean_cosine) < 0.2
    assert found.neighbours_kept == pytest.approx(10 / 39, abs=0.1)


def test_a_turned_space_keeps_its_neighbours_though_nothing_points_where_it_did() -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((16, 16)))
    found = measure_drift(VECTORS, (VECTORS @ turn).astype(np.float32))
    assert found is not None
    assert found.neighbours_kept > 0.95
    assert found.mean_cosine < 0.9


def test_two_pictures_tell_nothing() -> None:
    assert measure_drift(VECTORS[:2], VECTORS[:2]) is None
