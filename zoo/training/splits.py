"""Which images train a head, which choose its strength and which judge it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zoo.errors import InvalidError

Side = Literal["train", "validation", "test"]

SHARES: Mapping[Side, float] = {"train": 0.64, "validation": 0.16, "test": 0.20}
"""A fifth of all to test on, then a fifth of the rest to choose by."""

NAMES: Mapping[str, Side] = {
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "test": "test",
}
"""What a manifest may call a side."""

STRICTEST: tuple[Side, ...] = ("test", "validation", "train")
"""Where content given for several sides counts: where it can flatter no figure."""


def read_split(said: str) -> str | None:
    """One of `NAMES`, in capitals or with spaces around it too; None for anything else."""
    name = said.strip().lower()
    return name if name in NAMES else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Splits:
    """Positions of the items on each side, rising; every item is on exactly one side."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]  # may be empty
    test: NDArray[np.int64]
    moved: (
        int  # items off the side they were given for, as their content is also on a stricter one
    )


@dataclass(frozen=True, kw_only=True)
class _Group:
    """All items of one content, which always go to one side together."""

    key: str
    labels: tuple[str, ...]  # more than one where people disagree; the first counts for the lot
    members: tuple[int, ...]
    side: Side | None
    is_known: bool  # to the network, which was trained on one of them


def make_splits(
    labels: Sequence[str],
    *,
    given: Sequence[str | None],
    seed: int,
    keys: Sequence[str] | None = None,
    shares: Mapping[Side, float] = SHARES,
    known: Sequence[bool] = (),
) -> Splits:
    """Put every item on a side: where `given` says so, else by lot within its class.

    Items without a given side are shared out in the proportions of `shares` among train and
    the sides that nobody was given for. If every item has a side and one is missing, it is cut
    from train. A class of two images to share gets one for train and one for test, from four
    on one for validation too.

    `keys` names contents (a sha256, say), or groups of contents that are nearly the same: items
    of one key stay together, so that no image is tested on that was trained on, and the lot
    depends on the keys and the seed alone, never on the order of the items. Without keys every
    item counts as a content of its own.

    `known` says of each item whether the network was trained on it: of those that are shared out
    they train again, and judge only in a class that has no others.

    Raises InvalidError with code "unknown_split", "too_few_classes" or "too_few_images".
    """
    names = keys or [str(place) for place in range(len(labels))]
    groups = _groups(labels, given, names, known or [False] * len(labels))
    _check_classes(groups)
    sides = _assigned(groups, seed=seed, shares=shares)
    _check_train(groups, sides)
    places = {side: _members(groups, sides, side) for side in STRICTEST}
    return Splits(
        train=places["train"],
        validation=places["validation"],
        test=places["test"],
        moved=_count_moved(groups, given),
    )


def _groups(
    labels: Sequence[str],
    given: Sequence[str | None],
    keys: Sequence[str],
    known: Sequence[bool],
) -> list[_Group]:
    members: dict[str, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        members[key].append(place)
    return [
        _Group(
            key=key,
            labels=tuple(sorted({labels[place] for place in places})),
            members=tuple(places),
            side=_given_side(given[place] for place in places),
            is_known=any(known[place] for place in places),
        )
        for key, places in sorted(members.items())
    ]


def _given_side(names: Iterable[str | None]) -> Side | None:
    sides = set()
    for name in names:
        if name is not None and name not in NAMES:
            raise InvalidError(
                f"no split '{name}'; there are train, validation (or val) and test",
                code="unknown_split",
            )
        if name is not None:
            sides.add(NAMES[name])
    return next((side for side in STRICTEST if side in sides), None)


def _count_moved(groups: Sequence[_Group], given: Sequence[str | None]) -> int:
    names = ((given[place], group.side) for group in groups for place in group.members)
    return sum(name is not None and NAMES[name] != side for name, side in names)


def _check_classes(groups: Sequence[_Group]) -> None:
    counts: dict[str, int] = defaultdict(int)
    for label in (label for group in groups for label in group.labels):
        counts[label] += 1
    if len(counts) < 2:
        found = f"only '{next(iter(counts))}'" if counts else "none"
        raise InvalidError(
            f"a classifier needs at least 2 classes, the items have {found}",
            code="too_few_classes",
        )
    small = next((label for label, count in sorted(counts.items()) if count < 2), None)
    if small is not None:
        raise InvalidError(
            f"class '{small}' has 1 distinct image, it needs at least 2: "
            "one to train on and one to test on",
            code="too_few_images",
        )


def _assigned(
    groups: Sequence[_Group], *, seed: int, shares: Mapping[Side, float]
) -> dict[str, Side]:
    """The side of each group's key."""
    sides = {group.key: group.side for group in groups if group.side is not None}
    free = [group for group in groups if group.side is None]
    missing = [side for side in STRICTEST if side not in sides.values() and side != "train"]
    pool = free or [group for group in groups if group.side == "train" and missing]
    trained = _labels_on("train", groups, sides) if free else set()
    known = {group.key for group in pool if group.is_known}
    by_class: dict[str, list[str]] = defaultdict(list)
    for group in pool:
        by_class[group.labels[0]].append(group.key)
    for label, keys in by_class.items():
        drawn = sorted(keys, key=lambda key: (key in known, _lot(seed, key)))
        n_new = sum(key not in known for key in keys)
        must_train = label not in trained
        counts = _counts(len(drawn), missing, must_train=must_train, shares=shares, n_new=n_new)
        for side in STRICTEST:
            taken, drawn = drawn[: counts[side]], drawn[counts[side] :]
            sides |= dict.fromkeys(taken, side)
    return sides


def _lot(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed}:{key}".encode()).digest()


def _counts(
    n: int,
    missing: Sequence[Side],
    *,
    must_train: bool,
    shares: Mapping[Side, float],
    n_new: int,
) -> dict[Side, int]:
    """How many of a class's `n` contents go to each side; of `n_new` the network knows nothing."""
    counts: dict[Side, int] = {"train": 0, "validation": 0, "test": 0}
    whole = shares["train"] + sum(shares[side] for side in missing)
    judged = sum(shares[side] for side in missing)
    # Of a class that has as many to judge by.
    size = min(n, n_new * whole / judged) if n_new and judged else n
    left = min(n - must_train, n_new or n)
    for side in missing:
        least = 1 if side == "test" else 0
        counts[side] = min(left, max(least, round(size * shares[side] / whole)))
        left -= counts[side]
    counts["train"] = n - sum(counts.values())
    return counts


def _check_train(groups: Sequence[_Group], sides: Mapping[str, Side]) -> None:
    trained = _labels_on("train", groups, sides)
    labels = (label for group in groups for label in group.labels)
    idle = next((label for label in labels if label not in trained), None)
    if idle is not None:
        raise InvalidError(
            f"class '{idle}' has no image to train on, all of them are on the validation or "
            "test side",
            code="too_few_images",
        )


def _labels_on(side: Side, groups: Sequence[_Group], sides: Mapping[str, Side]) -> set[str]:
    return {label for group in groups if sides.get(group.key) == side for label in group.labels}


def _members(groups: Sequence[_Group], sides: Mapping[str, Side], side: Side) -> NDArray[np.int64]:
    places = [place for group in groups if sides[group.key] == side for place in group.members]
    return np.array(sorted(places), np.int64)
