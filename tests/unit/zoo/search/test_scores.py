import numpy as np
import pytest

from zoo.search.flat import FloatArray, Metric
from zoo.search.index import ExactIndex
from zoo.search.scores import exact_scores, normalised


def ranked(vectors: FloatArray, query: FloatArray, metric: Metric) -> list[int]:
    """All rows, best first, by their exact scores."""
    stored, asked = (
        (normalised(vectors), normalised(query)) if metric == "cosine" else (vectors, query)
    )
    scores = exact_scores(asked[0], stored, metric=metric)
    return np.argsort(-scores, kind="stable").tolist()


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_float32_rounding_decides_no_rank(metric: Metric) -> None:
    # 400 vectors so close together that float32 sums alone put them in a wrong order.
    rng = np.random.default_rng(0)
    near = rng.standard_normal(1280) + 1e-5 * rng.standard_normal((400, 1280))
    vectors = near.astype(np.float32)
    query = rng.standard_normal((1, 1280)).astype(np.float32)
    index = ExactIndex.build(vectors, np.arange(400), metric=metric)

    [hits] = index.search(query, k=10)

    assert [hit.pk for hit in hits] == ranked(vectors, query, metric)[:10]


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
@pytest.mark.parametrize("scale", [1e38, 2e19, 1e-22, 1e-44])
def test_what_float32_cannot_hold_of_a_score_decides_no_rank(metric: Metric, scale: float) -> None:
    rng = np.random.default_rng(0)
    some = np.where(rng.random((400, 1)) < 0.5, scale, 1.0)
    vectors = (some * rng.uniform(-1, 1, (400, 8))).astype(np.float32)
    query = (scale * rng.uniform(-1, 1, (1, 8))).astype(np.float32)
    index = ExactIndex.build(vectors, np.arange(400), metric=metric)

    [hits] = index.search(query, k=300)

    assert [hit.pk for hit in hits] == ranked(vectors, query, metric)[:300]


def test_equal_vectors_score_equally_wherever_they_stand() -> None:
    rng = np.random.default_rng(1)
    vectors = np.repeat(rng.standard_normal((1, 1277)).astype(np.float32), 300, axis=0)
    query = rng.standard_normal(1277).astype(np.float32)
    assert len(set(exact_scores(query, vectors, metric="ip").tolist())) == 1


def test_tiny_and_huge_vectors_keep_their_direction() -> None:
    vectors = np.array([[3e-40, 4e-40], [3e37, 4e37], [0, 0]], np.float32)
    assert normalised(vectors) == pytest.approx(
        np.array([[0.6, 0.8], [0.6, 0.8], [0, 0]]), abs=1e-5
    )


def test_no_distance_is_a_negative_zero() -> None:
    [score] = exact_scores(np.ones(4, np.float32), np.ones((1, 4), np.float32), metric="l2")
    assert str(score) == "0.0"
