"""The exact index of a generation: a mapped snapshot, the rows dead since, and a small delta."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from zoo.errors import InvalidError
from zoo.search.flat import (
    FlatPart,
    FloatArray,
    Metric,
    PkArray,
    build_part,
    open_part,
    write_part,
)
from zoo.search.scores import exact_scores, is_settled, normalised

SPARE = 16
"""Rows fetched beyond k, so that ties and float32 rounding at the edge are seen at once."""


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
    base: FlatPart
    delta: FlatPart
    scale: float  # the longest stored vector: what float32 rounding of a score grows with

    @classmethod
    def build(cls, vectors: FloatArray, pks: PkArray, *, metric: Metric) -> ExactIndex:
        """An index of `vectors` (n, dim) float32 with distinct `pks` (n,) int64, in memory."""
        _check_rows(vectors, pks)
        base = build_part(_stored(vectors, metric=metric), pks, metric=metric)
        return cls._around(base, metric=metric)

    @classmethod
    def open(cls, path: Path, *, metric: Metric) -> ExactIndex:
        """Map a snapshot made by `write`; the caller has verified its checksum.

        Raises DamagedError for what is no snapshot or was built for another metric.
        """
        return cls._around(open_part(path, metric=metric), metric=metric)

    @classmethod
    def _around(cls, base: FlatPart, *, metric: Metric) -> ExactIndex:
        dim = int(base.flat.d)
        delta = build_part(np.empty((0, dim), np.float32), np.empty(0, np.int64), metric=metric)
        scale = _longest(base) if metric == "ip" else 1.0
        return cls(metric=metric, dim=dim, base=base, delta=delta, scale=scale)

    def __len__(self) -> int:
        return len(self.base) + len(self.delta)

    def write(self, path: Path) -> None:
        """Write all that is live to one file, changes merged in; the caller makes it durable."""
        if len(self.base) == len(self.base.pks) and not len(self.delta):
            return write_part(self.base, path)
        vectors, pks = _joined(self.base.survivors(), self.delta.survivors())
        return write_part(build_part(vectors, pks, metric=self.metric), path)

    def with_changes(
        self, vectors: FloatArray, pks: PkArray, *, dead: Collection[int]
    ) -> ExactIndex:
        """A new index: this one less `dead`, then `vectors` (n, dim) put under `pks` (n,).

        A pk that is here already is replaced, whether or not it is in `dead`; changes of
        earlier calls are kept. The snapshot is shared, only the delta is copied.
        """
        _check_rows(vectors, pks, dim=self.dim)
        gone = {*dead, *pks.tolist()}
        given = (_stored(vectors, metric=self.metric), pks)
        joined = _joined(self.delta.without(gone).survivors(), given)
        delta = build_part(*joined, metric=self.metric)
        scale = max(self.scale, _longest(delta)) if self.metric == "ip" else self.scale
        return ExactIndex(
            metric=self.metric,
            dim=self.dim,
            base=self.base.without(gone),
            delta=delta,
            scale=scale,
        )

    def search(self, queries: FloatArray, *, k: int) -> list[list[Hit]]:
        """The k nearest of each of `queries` (m, dim) float32, best first; all if there are fewer.

        One query at a time: FAISS's batched L2 subtracts large squares and loses digits.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise InvalidError(
                f"queries must have the shape (m, {self.dim}), not {queries.shape}",
                code="wrong_dimension",
            )
        return [self._search_one(query, k) for query in _stored(queries, metric=self.metric)]

    def _search_one(self, query: FloatArray, k: int) -> list[Hit]:
        hits = (hit for part in (self.base, self.delta) for hit in self._hits(part, query, k))
        return heapq.nsmallest(k, hits, key=lambda hit: (-hit.score, hit.pk))

    def _hits(self, part: FlatPart, query: FloatArray, k: int) -> Iterator[Hit]:
        """At least all hits that can be among the k best of the part, in no order."""
        rows = self._candidates(part, query, min(k, len(part)))
        scores = exact_scores(query, part.vectors(rows), metric=self.metric)
        for pk, score in zip(part.pks[rows].tolist(), scores.tolist(), strict=True):
            yield Hit(pk=pk, score=score)

    def _candidates(self, part: FlatPart, query: FloatArray, k: int) -> PkArray:
        fetch = min(k + SPARE, len(part))
        if k < 1:
            return np.empty(0, np.int64)
        while True:
            found, rows = part.nearest(query, fetch)
            if fetch == len(part) or is_settled(
                found, query, k=k, metric=self.metric, scale=self.scale
            ):
                return rows
            fetch = min(2 * fetch, len(part))


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


def _longest(part: FlatPart) -> float:
    """The greatest length among the part's vectors, read in pieces that leave memory alone."""
    pieces = (
        part.vectors(np.arange(start, min(start + 4096, len(part.pks))))
        for start in range(0, len(part.pks), 4096)
    )
    return max((float(np.linalg.norm(piece, axis=1).max()) for piece in pieces), default=1.0)


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
