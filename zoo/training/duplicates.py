"""Near-duplicates: contents whose embeddings say that they show the same, found without copies.

What jobs ask for by themselves, 0.9, was measured on EfficientNet-Lite0 features. Of 150
photographs, 1,500 CIFAR-10 pictures and 500 digits the nearest pairs of different ones had 0.49,
0.73 and (one of 124,750) 0.92. Of copies of the photographs that were saved again as JPEG,
mirrored, turned by 5 degrees or cut by a tenth of their sides 97, 100, 97 and 80 % have more, of
those of CIFAR-10's small pictures 100, 87, 46 and 31 %.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.training.likeness import Likeness

FloatArray = NDArray[np.float32]
Places = NDArray[np.int64]
Marks = NDArray[np.bool_]

CLASS_SHARE = 4
"""A group holds at most one in so many contents of a class: what is larger is no set of copies
but a class that looks alike, and is taken apart by asking for more."""
TIGHTENINGS = 6
"""How often the distance asked for is halved before a group that is too large is given up."""

TILE = 2048
PAIRS_AT_ONCE = 8192
PROJECTED_FROM = 4096
"""Contents from which on it pays to look first at a few coordinates of each."""
COORDINATES = 64
MARGIN = 1e-4
"""How far a product of many rows may be rounded off from that of two."""
WORTH = 64
"""Where a few coordinates leave more than one in so many pairs of a tile open, as of vectors that
differ in all directions alike, all products of the tile cost less than those of the open pairs."""
WHOLE_PAIRS = 20_000_000_000
"""Pairs in such tiles that are compared, about ten minutes of a core: all those of 200,000
contents. Of the tiles after them only the likeliest pairs are.

Of random vectors of 1,280 numbers 10,000 take 2.4 s of a core and 50,000 take 41 s, of such as
photographs have 0.7 and 6 s."""


@dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """For each item the key of its group: its own, or the first of those that look like it."""

    keys: tuple[str, ...]
    groups: int  # of more than one content
    contents: int  # in such groups
    disagreeing: tuple[int, ...]  # items of such a group whose label is not all the group's
    unlooked: int = 0  # pairs of contents that may be alike and were not compared


def find_near_duplicates(
    features: FloatArray, *, keys: Sequence[str], labels: Sequence[str], above: float
) -> NearDuplicates:
    """Group the items whose embeddings `features` (n, dim) are alike, directly or by a third.

    `keys` name the contents: equal ones are one content whatever `above` is, and with 1 nothing
    else is. Of no class a group gets more than a quarter. Beside the features it holds a few
    hundred bytes an item, however many are alike. Up to `WHOLE_PAIRS` no pair above is missed.
    """
    first = {key: place for place, key in reversed(list(enumerate(keys)))}
    names = sorted(first)
    places = np.array([first[name] for name in names], np.int64)
    grouping = _Grouping(features, [labels[place] for place in places])
    groups = grouping.grouped(places, above)
    leaders = {name: names[place] for name, place in zip(names, groups, strict=True)}
    found = tuple(leaders[key] for key in keys)
    sizes = Counter(leaders.values())
    together = [size for size in sizes.values() if size > 1]
    return NearDuplicates(
        keys=found,
        groups=len(together),
        contents=sum(together),
        disagreeing=_disagreeing(found, keys, labels),
        unlooked=grouping.unlooked,
    )


def find_alike(features: FloatArray, others: FloatArray, *, above: float) -> Marks:
    """For each of `features` (n, dim) whether it is nearly the same as one of `others` (m, dim).

    With an `above` of 1 none is. Takes as much memory again as both.
    """
    n = len(features)
    if above >= 1 or not n or not len(others):
        return np.zeros(n, np.bool_)
    places = np.arange(n + len(others))
    near = _Nearness(np.concatenate([features, others]), places)
    return near.touched(places[:n], places[n:], above)


def _disagreeing(
    groups: Sequence[str], keys: Sequence[str], labels: Sequence[str]
) -> tuple[int, ...]:
    """Places of items that look like one under another label and are not of the same bytes."""
    said: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for group, key, label in zip(groups, keys, labels, strict=True):
        said[group].add((key, label))
    torn = {
        group
        for group, pairs in said.items()
        if len({key for key, _ in pairs}) > 1 and len({label for _, label in pairs}) > 1
    }
    return tuple(place for place, group in enumerate(groups) if group in torn)


class _Grouping:
    """Groups of contents that no class is too much of."""

    def __init__(self, features: FloatArray, labels: Sequence[str]) -> None:
        self._features = features
        self._labels = labels
        self.unlooked = 0
        self._most = {
            label: max(1, count // CLASS_SHARE) for label, count in Counter(labels).items()
        }

    def grouped(self, places: Places, above: float) -> list[int]:
        """For each of the contents at these places the number of the first one of its group."""
        leaders = list(range(len(places)))
        if above >= 1 or len(places) < 2:
            return leaders
        near = _Nearness(self._features, places)
        waiting = [(np.arange(len(places)), above, 0)]
        while waiting:
            members, asked, n_tightened = waiting.pop()
            for group in near.components(members, asked):
                if not self._is_too_large(group):
                    for member in group:
                        leaders[member] = int(group[0])
                elif n_tightened < TIGHTENINGS:
                    waiting.append((group, 1 - (1 - asked) / 2, n_tightened + 1))
        self.unlooked = near.unlooked
        return leaders

    def _is_too_large(self, group: Places) -> bool:
        counts = Counter(self._labels[member] for member in group)
        return len(group) > 1 and any(count > self._most[label] for label, count in counts.items())


class _Nearness:
    """How alike contents are, a tile at a time."""

    def __init__(self, features: FloatArray, places: Places) -> None:
        self._features = features
        self._places = places
        self._likeness = Likeness.of(features)
        self._sketch = self._sketched() if len(places) > PROJECTED_FROM else None
        self._whole_pairs = WHOLE_PAIRS
        self.unlooked = 0

    def components(self, members: Places, above: float) -> Iterator[Places]:
        """The members in groups of more than one, each rising; contents alone are left out."""
        roots = np.arange(len(members))
        for rows, columns in _tiles(len(members)):
            apart = roots[rows][:, None] != roots[columns][None, :]
            pairs = self._open_pairs(members[rows], members[columns], apart, above)
            pairs += [rows.start, columns.start]
            for start in range(0, len(pairs), PAIRS_AT_ONCE):
                self._unite(roots, members, pairs[start : start + PAIRS_AT_ONCE], above)
        groups: dict[int, list[int]] = defaultdict(list)
        for place, root in enumerate(roots.tolist()):
            groups[root].append(place)
        yield from (members[group] for group in groups.values() if len(group) > 1)

    def touched(self, ones: Places, others: Places, above: float) -> Marks:
        """For each of some contents whether one of the others is alike."""
        found = np.zeros(len(ones), np.bool_)
        for row in range(0, len(ones), TILE):
            rows = slice(row, row + TILE)
            for column in range(0, len(others), TILE):
                columns = slice(column, column + TILE)
                wanted = np.repeat(~found[rows, None], len(others[columns]), axis=1)
                pairs = self._open_pairs(ones[rows], others[columns], wanted, above)
                left, right = ones[row + pairs[:, 0]], others[column + pairs[:, 1]]
                for start in range(0, len(pairs), PAIRS_AT_ONCE):
                    part = slice(start, start + PAIRS_AT_ONCE)
                    alike = self._are_alike(left[part], right[part], above)
                    found[row + pairs[part, 0][alike]] = True
        return found

    def _are_alike(self, ones: Places, others: Places, above: float) -> Marks:
        cosines = np.einsum("nd,nd->n", self._units(ones), self._units(others))
        alike: Marks = cosines >= above
        return alike

    def _open_pairs(self, ones: Places, others: Places, asked: Marks, above: float) -> Places:
        """Places (n, 2) in a tile of the pairs that may be alike: each is looked at by itself."""
        scores = self._bound(ones) @ self._bound(others).T
        found = (scores > above - MARGIN) & asked
        if self._sketch is None or np.count_nonzero(found) <= found.size // WORTH:
            return np.argwhere(found)
        self._whole_pairs -= found.size
        if self._whole_pairs >= 0:
            whole = self._units(ones) @ self._units(others).T
            return np.argwhere((whole > above - MARGIN) & asked)
        open_pairs = np.argwhere(found)
        self.unlooked += max(0, len(open_pairs) - PAIRS_AT_ONCE)
        return open_pairs[np.argsort(-scores[found], kind="stable")[:PAIRS_AT_ONCE]]

    def _unite(self, roots: Places, members: Places, pairs: Places, above: float) -> None:
        pairs = pairs[roots[pairs[:, 0]] != roots[pairs[:, 1]]]
        alike = self._are_alike(members[pairs[:, 0]], members[pairs[:, 1]], above)
        for left, right in pairs[alike]:
            low, high = sorted((roots[left], roots[right]))
            if low != high:
                roots[roots == high] = low

    def _bound(self, members: Places) -> FloatArray:
        """Rows whose products are at least the cosines."""
        return self._units(members) if self._sketch is None else self._sketch[members]

    def _units(self, members: Places) -> FloatArray:
        return self._likeness.units(self._features[self._places[members]])

    def _sketched(self) -> FloatArray:
        """The coordinates in which contents differ most, and the length of all the others.

        By Cauchy's inequality the product of two such rows is never less than the cosine.
        """
        everyone = np.arange(len(self._places))
        sample = self._units(everyone[:: max(1, len(everyone) // PROJECTED_FROM)])
        _, axes = np.linalg.eigh(sample.T @ sample)
        axes = axes[:, -COORDINATES:]
        sketch = np.empty((len(everyone), axes.shape[1] + 1), np.float32)
        for start in range(0, len(everyone), TILE):
            units = self._units(everyone[start : start + TILE])
            seen = units @ axes
            left = 1 - np.einsum("nd,nd->n", seen, seen)
            sketch[start : start + TILE] = np.column_stack([seen, np.sqrt(left.clip(0))])
        return sketch


def _tiles(n: int) -> Iterator[tuple[slice, slice]]:
    """Every pair of stretches, the second not before the first."""
    starts = range(0, n, TILE)
    for row in starts:
        for column in starts[row // TILE :]:
            yield slice(row, min(n, row + TILE)), slice(column, min(n, column + TILE))
