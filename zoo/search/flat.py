"""A flat FAISS index with its item keys: the immutable pieces that an exact index is made of."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zoo.errors import DamagedError, InvalidError, UnavailableError
from zoo.search.manifests import IndexFile

Metric = Literal["cosine", "ip", "l2"]
FloatArray = NDArray[np.float32]
PkArray = NDArray[np.int64]
BLOCK = 4096
HIGHEST = np.iinfo(np.int64).max


def load_faiss() -> ModuleType:
    """FAISS, with one thread in the calling thread.

    Loaded on the first search and not before: a process forked from one that used OpenMP hangs
    in its first search. OpenMP counts its threads per calling thread, hence the call every time.
    Raises `UnavailableError` where it is not installed.
    """
    try:
        faiss = importlib.import_module("faiss")
    except ImportError as error:
        raise UnavailableError(
            f"this process cannot search: {error}; pip install 'featurezoo[cpu]'",
            code="search_incomplete",
            retry_after_s=60,
        ) from error
    faiss.omp_set_num_threads(1)
    return faiss


@dataclass(frozen=True, kw_only=True, eq=False)
class FlatPart:
    """Vectors with their pks, some of them dead; never changed once made.

    FAISS segfaults when an index grows under a search and aborts when a mapped one grows, so
    nothing here ever calls `add` on an index that can be seen from outside.
    """

    flat: Any  # faiss.IndexFlat; FAISS's own types are too loose to name
    owner: Any  # the faiss.IndexIDMap that `flat` lives in and dies with
    pks: PkArray  # (n,) the pk of each row of `flat`
    live: NDArray[np.bool_]  # (n,) False for rows that were replaced or deleted
    n_live: int
    lowest: int  # pk; items that are new have higher ones than all before
    highest: int
    longest: float  # length of a vector, for ip: what float32 rounding of a score grows with
    file: IndexFile | None = None  # that it is mapped from; None: it is in memory alone

    def __len__(self) -> int:
        return self.n_live

    def without(self, pks: PkArray) -> FlatPart:
        """The same vectors with those `pks` dead too."""
        near = pks[(pks >= self.lowest) & (pks <= self.highest)]
        if not len(near):
            return self
        live = self.live & ~np.isin(self.pks, near)
        return replace(self, live=live, n_live=int(live.sum()))

    def revived(self) -> FlatPart:
        """The same vectors with none dead."""
        return replace(self, live=np.ones(len(self.pks), np.bool_), n_live=len(self.pks))

    def dead(self) -> PkArray:
        """The pks of the rows that are dead."""
        return self.pks[~self.live]

    def nearest(self, query: FloatArray, k: int) -> tuple[FloatArray, PkArray]:
        """FAISS's own scores `(k,)`, best first, and the rows `(k,)` they belong to; k <= len.

        The row is -1 from where on it found none whose score float32 can hold.
        """
        faiss = load_faiss()
        if self.n_live == len(self.live):
            scores, rows = self.flat.search(query[None], k)
            return scores[0], rows[0]
        bits = np.packbits(self.live, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(self.live), faiss.swig_ptr(bits))
        parameters = faiss.SearchParameters(sel=selector)
        scores, rows = self.flat.search(query[None], k, params=parameters)
        return scores[0], rows[0]

    def vectors(self, rows: PkArray) -> FloatArray:
        """The stored vectors of some rows, `(len(rows), dim)`."""
        if not len(rows):
            return np.empty((0, self.flat.d), np.float32)
        found: FloatArray = self.flat.reconstruct_batch(rows)
        return found

    def survivors(self) -> tuple[FloatArray, PkArray]:
        """The live vectors as stored, with their pks."""
        rows = np.flatnonzero(self.live)
        return self.vectors(rows), self.pks[rows]


def build_part(vectors: FloatArray, pks: PkArray, *, metric: Metric) -> FlatPart:
    """A part that holds `vectors` (n, dim) as they are; InvalidError if a pk comes twice."""
    found, counts = np.unique(pks, return_counts=True)
    if len(found) < len(pks):
        raise InvalidError(f"pks must be distinct, {found[counts > 1][0]} is given twice")
    faiss = load_faiss()
    kind = faiss.IndexFlatL2 if metric == "l2" else faiss.IndexFlatIP
    owner = faiss.IndexIDMap(kind(vectors.shape[1]))
    owner.add_with_ids(np.ascontiguousarray(vectors), pks)
    return _part(faiss, owner, metric=metric)


def compacted(part: FlatPart, *, metric: Metric) -> FlatPart:
    """The part itself, or one of its live rows alone."""
    if len(part) == len(part.pks):
        return part
    return build_part(*part.survivors(), metric=metric)


def open_part(path: Path, *, metric: Metric) -> FlatPart:
    """A part written by `write_part`, its vectors mapped so that processes share the pages.

    FAISS files carry no checksum: the caller verifies the file's own before opening it.
    """
    faiss = load_faiss()
    try:
        owner = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise DamagedError(f"'{path.name}' is not a search index that can be read") from error
    if not isinstance(owner, faiss.IndexIDMap):
        raise DamagedError(f"'{path.name}' holds a {type(owner).__name__}, not vectors with pks")
    expected = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
    if owner.metric_type != expected:
        raise DamagedError(f"'{path.name}' was not built for the metric {metric}")
    return _part(faiss, owner, metric=metric)


def write_part(part: FlatPart, path: Path) -> None:
    """Write the part, dead rows included, to one file that `open_part` reads.

    FAISS overwrites in place, which would pull the pages from under whoever has mapped `path`.
    """
    partial = path.with_name(f"{path.name}.partial")
    load_faiss().write_index(part.owner, str(partial))
    partial.replace(path)


def _part(faiss: ModuleType, owner: Any, *, metric: Metric) -> FlatPart:
    pks: PkArray = faiss.vector_to_array(owner.id_map)
    live = np.ones(len(pks), np.bool_)
    flat = faiss.downcast_index(owner.index)
    return FlatPart(
        flat=flat,
        owner=owner,
        pks=pks,
        live=live,
        n_live=len(pks),
        lowest=int(pks.min(initial=HIGHEST)),
        highest=int(pks.max(initial=-1)),
        longest=_longest(flat, len(pks)) if metric == "ip" else 1.0,
    )


def _longest(flat: Any, n: int) -> float:
    """The greatest length among `n` vectors, read in pieces that leave memory alone."""
    pieces = (
        flat.reconstruct_batch(np.arange(start, min(start + BLOCK, n)))
        for start in range(0, n, BLOCK)
    )
    # In float64, where no square overflows or vanishes.
    lengths = (np.linalg.norm(piece.astype(np.float64), axis=1) for piece in pieces)
    return max((float(each.max()) for each in lengths), default=1.0)
