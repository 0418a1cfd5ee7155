import sys
from concurrent.futures import ThreadPoolExecutor
from subprocess import run

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zoo.errors import InvalidError, UnavailableError
from zoo.search.flat import Metric
from zoo.search.index import ExactIndex, Hit, check_vector, part_rows

METRICS: tuple[Metric, ...] = ("cosine", "ip", "l2")
Vectors = dict[int, NDArray[np.float32]]


def random_vectors(n: int, dim: int = 24, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def expected_scores(
    query: NDArray[np.float32], vectors: Vectors, metric: Metric
) -> dict[int, float]:
    q = query.astype(np.float64)
    scores = {}
    for pk, vector in vectors.items():
        v = vector.astype(np.float64)
        if metric == "l2":
            scores[pk] = -float(np.linalg.norm(q - v))
        elif metric == "ip":
            scores[pk] = float(q @ v)
        else:
            lengths = float(np.linalg.norm(q) * np.linalg.norm(v))
            scores[pk] = float(q @ v) / lengths if lengths else 0.0
    return scores


def assert_exact(
    hits: list[Hit], query: NDArray[np.float32], vectors: Vectors, metric: Metric, k: int
) -> None:
    expected = expected_scores(query, vectors, metric)
    assert [hit.score for hit in hits] == pytest.approx(
        sorted(expected.values(), reverse=True)[:k], abs=1e-5
    )
    assert len({hit.pk for hit in hits}) == len(hits)
    for hit in hits:
        assert hit.score == pytest.approx(expected[hit.pk], abs=1e-5)
    assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.pk))


def as_index(vectors: Vectors, metric: Metric, dim: int) -> ExactIndex:
    rows = np.array(list(vectors.values()), np.float32).reshape(-1, dim)
    return ExactIndex.build(rows, np.array(list(vectors), np.int64), metric=metric)


@pytest.mark.parametrize("metric", METRICS)
def test_the_best_hits_are_those_of_brute_force(metric: Metric) -> None:
    vectors = dict(enumerate(random_vectors(500), start=100))
    index = as_index(vectors, metric, 24)
    queries = random_vectors(7, seed=1)

    for query, hits in zip(queries, index.search(queries, k=20), strict=True):
        assert len(hits) == 20
        assert_exact(hits, query, vectors, metric, 20)


change = st.tuples(
    st.dictionaries(st.integers(0, 30), st.integers(0, 6), max_size=8),
    st.sets(st.integers(0, 30), max_size=8),
)


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    first=st.dictionaries(st.integers(0, 30), st.integers(0, 6), max_size=20),
    changes=st.lists(change, max_size=4),
    k=st.integers(1, 40),
)
def test_any_adds_deletes_and_replacements_leave_the_search_exact(
    metric: Metric,
    first: dict[int, int],
    changes: list[tuple[dict[int, int], set[int]]],
    k: int,
) -> None:
    # Few distinct vectors, the zero vector among them, so that ties are everywhere.
    pool = random_vectors(7, dim=5)
    pool[0] = 0
    held: Vectors = {pk: pool[which] for pk, which in first.items()}
    index = as_index(held, metric, 5)

    for added, dead in changes:
        rows = pool[list(added.values())].reshape(-1, 5)
        index = index.with_changes(rows, np.array(list(added), np.int64), dead=dead)
        for pk in dead:
            held.pop(pk, None)
        held |= {pk: pool[which] for pk, which in added.items()}

    assert len(index) == len(held)
    for query in pool[1:3]:
        [hits] = index.search(query[None], k=k)
        assert hits == as_index(held, metric, 5).search(query[None], k=k)[0]
        assert_exact(hits, query, held, metric, k)


def test_a_change_leaves_the_index_it_was_made_from_as_it_was() -> None:
    index = as_index(dict(enumerate(random_vectors(10))), "cosine", 24)
    query = random_vectors(1, seed=4)
    before = index.search(query, k=10)

    index.with_changes(random_vectors(2, seed=5), np.array([3, 11]), dead={4})

    assert index.search(query, k=10) == before


def test_equal_vectors_score_alike_and_come_in_the_order_of_their_pks() -> None:
    # 300 copies straddle every k, and some stand in the base, some in the delta.
    copies = np.repeat(random_vectors(1, dim=1280), 300, axis=0)
    index = ExactIndex.build(copies, np.arange(300)[::-1].copy(), metric="cosine")
    changed = index.with_changes(copies[:9], np.arange(1, 10), dead=set())

    [hits] = changed.search(random_vectors(1, dim=1280, seed=6), k=20)

    assert [hit.pk for hit in hits] == list(range(20))
    assert len({hit.score for hit in hits}) == 1


def test_a_vector_has_cosine_one_to_itself_whatever_its_length() -> None:
    vectors = random_vectors(20, dim=1280)
    index = ExactIndex.build(vectors, np.arange(20), metric="cosine")

    for pk, hits in enumerate(index.search(vectors * np.float32(1e-12), k=1)):
        assert hits[0].pk == pk
        assert hits[0].score == pytest.approx(1.0, abs=1e-7)
        assert hits[0].score <= 1.0


def test_the_nearest_by_l2_survives_a_large_common_offset() -> None:
    vectors = random_vectors(100, dim=64) * np.float32(1e-2) + np.float32(1000)
    index = ExactIndex.build(vectors, np.arange(100), metric="l2")

    assert [hits[0] for hits in index.search(vectors, k=1)] == [
        Hit(pk=pk, score=0.0) for pk in range(100)
    ]


def test_a_zero_vector_scores_zero_under_cosine() -> None:
    index = as_index({1: np.zeros(3, np.float32), 2: np.ones(3, np.float32)}, "cosine", 3)

    [hits] = index.search(np.array([[-1, -1, -1]], np.float32), k=2)

    assert [hit.pk for hit in hits] == [1, 2]
    assert [hit.score for hit in hits] == pytest.approx([0.0, -1.0])


@pytest.mark.parametrize("metric", METRICS)
def test_an_empty_index_finds_nothing(metric: Metric) -> None:
    empty = ExactIndex.of([], dim=4, metric=metric)

    assert len(empty) == 0
    assert empty.search(np.ones((2, 4), np.float32), k=5) == [[], []]


def test_small_changes_are_joined_and_large_parts_stay_as_they_are() -> None:
    vectors = random_vectors(3006)
    index = ExactIndex.build(vectors[:3000], np.arange(3000), metric="ip")
    [large] = index.parts

    for pk in range(3000, 3006):
        index = index.with_changes(vectors[pk : pk + 1], np.array([pk]), dead=())

    assert [len(part) for part in index.parts] == [3000, 6]
    assert index.parts[0] is large


def test_a_part_grows_to_its_limit_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.search.index.MOST_PART_ROWS", 10)
    index = ExactIndex.of([], dim=24, metric="cosine")

    for first in range(0, 35, 5):
        rows = random_vectors(5, seed=first)
        index = index.with_changes(rows, np.arange(first, first + 5), dead=())

    assert [len(part) for part in index.parts] == [10, 10, 10, 5]


def test_rows_of_a_part_are_bounded_in_bytes() -> None:
    assert [part_rows(dim) for dim in (8, 1280, 10**9)] == [100_000, 12_500, 1]


def test_a_part_of_which_nothing_lives_is_let_go() -> None:
    index = ExactIndex.build(random_vectors(5), np.arange(5), metric="l2")
    assert index.with_changes(random_vectors(0), np.arange(0), dead=range(5)).parts == ()


def test_searches_from_many_threads_agree_with_one() -> None:
    index = ExactIndex.build(random_vectors(2000), np.arange(2000), metric="cosine")
    changed = index.with_changes(random_vectors(9, seed=7), np.arange(9), dead={100})
    queries = random_vectors(64, seed=8)
    alone = changed.search(queries, k=10)

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda query: changed.search(query[None], k=10)[0], queries))

    assert together == alone


def test_importing_the_index_does_not_load_faiss() -> None:
    program = "import sys, zoo.search.index; sys.exit('faiss' in sys.modules)"
    assert run([sys.executable, "-c", program], check=False).returncode == 0


def test_without_faiss_a_search_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UnavailableError) as caught:
        ExactIndex.build(np.eye(4, dtype=np.float32), np.arange(4), metric="ip")
    assert caught.value.code == "search_incomplete"
    assert caught.value.detail == (
        "this process cannot search: import of faiss halted; None in sys.modules; "
        "pip install 'featurezoo[cpu]'"
    )


def test_a_pk_given_twice_is_refused() -> None:
    with pytest.raises(InvalidError, match="pks must be distinct, 7 is given twice"):
        ExactIndex.build(random_vectors(3), np.array([7, 8, 7]), metric="ip")


def test_vectors_of_another_dimension_are_refused() -> None:
    index = as_index({}, "ip", 24)
    with pytest.raises(InvalidError) as caught:
        index.with_changes(random_vectors(2, dim=8), np.arange(2), dead=set())
    assert caught.value.detail == "vectors must have the shape (2, 24), not (2, 8)"
    with pytest.raises(InvalidError) as caught:
        index.search(random_vectors(2, dim=8), k=1)
    assert caught.value.detail == "queries must have the shape (m, 24), not (2, 8)"


def test_vectors_that_are_not_finite_are_not_indexed() -> None:
    with pytest.raises(InvalidError, match="vectors must be finite to be indexed"):
        ExactIndex.build(np.full((1, 2), np.nan, np.float32), np.arange(1), metric="ip")


def test_a_good_vector_comes_back_as_float32() -> None:
    checked = check_vector([1, 2.5], dim=2)
    assert checked.dtype == np.float32
    assert checked.tolist() == [1, 2.5]


@pytest.mark.parametrize(
    ("vector", "code", "detail"),
    [
        ([1.0], "wrong_dimension", "the vector has 1 numbers, the collection needs 2"),
        (
            [[1.0, 2.0]],
            "wrong_dimension",
            "the vector has the shape (1, 2), the collection needs 2",
        ),
        (
            [1.0, float("nan")],
            "not_finite",
            "the vector holds nan at position 1, only finite float32 numbers can be compared",
        ),
        (
            [1e39, 0.0],
            "not_finite",
            "the vector holds 1e+39 at position 0, only finite float32 numbers can be compared",
        ),
        (
            [0.0, -0.0],
            "zero_vector",
            "the vector is all zeros and has no direction that cosine could compare",
        ),
    ],
)
def test_a_vector_that_cannot_be_compared_is_refused(
    vector: list[float], code: str, detail: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        check_vector(vector, dim=2)
    assert (caught.value.code, caught.value.detail) == (code, detail)


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_a_zero_vector_is_fine_where_direction_does_not_matter(metric: Metric) -> None:
    assert check_vector([0.0, 0.0], dim=2, metric=metric).tolist() == [0.0, 0.0]
