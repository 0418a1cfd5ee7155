"""The exact index of a generation: immutable parts, mapped from files or small and in memory."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from zoo.errors import InvalidError
from zoo.search.flat import (
    FlatPart,
    FloatArray,
    Metric,
    PkArray,
    build_part,
)
from zoo.search.scores import exact_scores, is_settled, normalised

SPARE = 16
"""Rows fetched beyond k, so that ties and float32 rounding at the edge are seen at once."""

PART_BYTES = 64_000_000
MOST_PART_ROWS = 100_000
"""What a part grows to: making one takes a few times its size in memory."""
SMALL = 1000
"""Rows that are joined with any change, as copying them costs nothing."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One item found; `score` is higher for better, whatever the metric."""

    pk: int
    score: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ExactIndex:
    """Vectors by pk, searched exhaustively; immutable, so searches may run side by side.

    Scores: cosine in [-1, 1] (0 for a zero vector), ip the inner product, l2 minus the
    Euclidean distance. They are computed in float64 from the stored float32 vectors, so the
    same vector scores the same wherever it stands, and ties are broken by the lower pk.
    """

    metric: Metric
    dim: int
    parts: tuple[FlatPart, ...]  # a pk is live in one of them at most

    @classmethod
    def build(cls, vectors: FloatArray, pks: PkArray, *, metric: Metric) -> ExactIndex:
        """An index of `vectors` (n, dim) float32 with distinct `pks` (n,) int64, in memory."""
        _check_rows(vectors, pks)
        part = build_part(_stored(vectors, metric=metric), pks, metric=metric)
        return cls.of([part], dim=vectors.shape[1], metric=metric)

    @classmethod
    def of(cls, parts: Sequence[FlatPart], *, dim: int, metric: Metric) -> ExactIndex:
        """An index of parts of which no two have the same pk live."""
        return cls(metric=metric, dim=dim, parts=tuple(part for part in parts if len(part)))

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def with_changes(
        self, vectors: FloatArray, pks: PkArray, *, dead: Collection[int]
    ) -> ExactIndex:
        """A new index: this one less `dead`, then `vectors` (n, dim) put under `pks` (n,).

        A pk that is here already is replaced, whether or not it is in `dead`; changes of
        earlier calls are kept. Parts are shared, but for small ones at the end that the new
        vectors are joined with: so there are few, and no vector is copied often.
        """
        _check_rows(vectors, pks, dim=self.dim)
        gone = np.concatenate([pks, np.fromiter(dead, np.int64)])
        kept = [part for part in (one.without(gone) for one in self.parts) if len(part)]
        rows = _stored(vectors, metric=self.metric), pks
        while kept and _is_worth_joining(kept[-1], n=len(rows[1]), dim=self.dim):
            rows = _joined(kept.pop().survivors(), rows)
        grown = build_part(*rows, metric=self.metric)
        return self.of([*kept, grown], dim=self.dim, metric=self.metric)

    def search(
        self, queries: FloatArray, *, k: int, favoured: int | None = None
    ) -> list[list[Hit]]:
        """The k nearest of each of `queries` (m, dim) float32, best first; all if there are fewer.

        Of equal scores that of the pk `favoured` is the best. One query at a time: FAISS's batched
        L2 subtracts large squares and loses digits.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise InvalidError(
                f"queries must have the shape (m, {self.dim}), not {queries.shape}",
                code="wrong_dimension",
            )
        stored = _stored(queries, metric=self.metric)
        return [self._search_one(query, k, favoured) for query in stored]

    def _search_one(self, query: FloatArray, k: int, favoured: int | None) -> list[Hit]:
        hits = (hit for part in self.parts for hit in self._hits(part, query, k))
        return heapq.nsmallest(k, hits, key=lambda hit: (-hit.score, hit.pk != favoured, hit.pk))

    def _hits(self, part: FlatPart, query: FloatArray, k: int) -> Iterator[Hit]:
        """At least all hits that can be among the k best of the part, in no order."""
        rows = self._candidates(part, query, min(k, len(part)))
        scores = exact_scores(query, part.vectors(rows), metric=self.metric)
        for pk, score in zip(part.pks[rows].tolist(), scores.tolist(), strict=True):
            yield Hit(pk=pk, score=score)

    def _candidates(self, part: FlatPart, query: FloatArray, k: int) -> PkArray:
        if k < 1:
            return np.empty(0, np.int64)
        fetch = k + SPARE
        while fetch < len(part):
            found, rows = part.nearest(query, fetch)
            if is_settled(found, query, k=k, metric=self.metric, scale=part.longest):
                return rows[rows >= 0]  # FAISS fills up with -1
            fetch *= 2
        return np.flatnonzero(part.live)


def part_rows(dim: int) -> int:
    """Rows that a part of vectors of `dim` numbers has at most."""
    return max(1, min(MOST_PART_ROWS, PART_BYTES // (4 * dim)))


def check_vector(vector: ArrayLike, *, dim: int, metric: Metric = "cosine") -> FloatArray:
    """`vector` as float32 `(dim,)`, fit to be stored or searched for.

    InvalidError with code "wrong_dimension", "not_finite" or, under cosine, "zero_vector".
    """
    array = np.asarray(vector)
    if array.shape != (dim,):
        given = f"{len(array)} numbers" if array.ndim == 1 else f"the shape {array.shape}"
        raise InvalidError(
            f"the vector has {given}, the collection needs {dim}", code="wrong_dimension"
        )
    with np.errstate(over="ignore"):
        checked = array.astype(np.float32)
    if not np.isfinite(checked).all():
        place = int(np.flatnonzero(~np.isfinite(checked))[0])
        raise InvalidError(
            f"the vector holds {array[place]} at position {place}, "
            "only finite float32 numbers can be compared",
            code="not_finite",
        )
    if metric == "cosine" and not checked.any():
        raise InvalidError(
            "the vector is all zeros and has no direction that cosine could compare",
            code="zero_vector",
        )
    return checked


def _stored(vectors: FloatArray, *, metric: Metric) -> FloatArray:
    return normalised(vectors) if metric == "cosine" else np.ascontiguousarray(vectors)


def _is_worth_joining(part: FlatPart, *, n: int, dim: int) -> bool:
    """Whether a part is so small beside `n` new rows that it should not stay alone.

    Each joining then makes a part grow by half at least, so a row is copied O(log n) times.
    """
    return len(part) <= max(SMALL, 2 * n) and len(part) + n <= part_rows(dim)


def _joined(
    first: tuple[FloatArray, PkArray], second: tuple[FloatArray, PkArray]
) -> tuple[FloatArray, PkArray]:
    return np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])


def _check_rows(vectors: FloatArray, pks: PkArray, *, dim: int | None = None) -> None:
    wanted = (len(pks), vectors.shape[-1] if dim is None else dim)
    if vectors.shape != wanted:
        raise InvalidError(
            f"vectors must have the shape {wanted}, not {vectors.shape}", code="wrong_dimension"
        )
    if not np.isfinite(vectors).all():
        raise InvalidError("vectors must be finite to be indexed", code="not_finite")
