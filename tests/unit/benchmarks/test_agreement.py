import numpy as np
import pytest

from benchmarks.contest.agreement import compare

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(50, 8)).astype(np.float32)


def test_length_does_not_matter():
    found = compare(3 * VECTORS, VECTORS)

    assert found.least_cosine == pytest.approx(1)
    assert found.same_neighbours == 1


def test_one_vector_that_is_off_is_the_least():
    other = VECTORS.copy()
    other[7] = -other[7]

    found = compare(other, VECTORS)

    assert found.least_cosine == pytest.approx(-1)
    assert found.same_neighbours < 1


def test_a_neighbour_that_is_as_near_counts_as_the_same():
    twins = np.concatenate([VECTORS, VECTORS, VECTORS])
    noisy = twins + np.float32(1e-5) * RNG.normal(size=twins.shape).astype(np.float32)

    assert compare(noisy, twins).same_neighbours == 1


def test_vectors_of_another_shape_agree_in_nothing():
    assert compare(VECTORS[:, :4], VECTORS).same_neighbours == 0
