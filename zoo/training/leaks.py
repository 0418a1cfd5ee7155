"""What near-duplicates did to the splits of a dataset, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.training.duplicates import NearDuplicates
from zoo.training.splits import NAMES, STRICTEST

NAMED = 3
"""Examples that a sentence names."""


def leak_warnings(
    near: NearDuplicates,
    *,
    names: Sequence[str],
    labels: Sequence[str],
    given: Sequence[str | None],
) -> list[str]:
    """Warn of examples that stood on two sides, and of copies with different labels."""
    found = []
    moved = [names[place] for place in _moved(near.keys, given)]
    if moved:
        found.append(
            f"{len(moved)} examples have the same bytes as one of a stricter split, or are near-"
            f"duplicates of one ({_shown(moved)}), and were counted there, so that nothing "
            "leaks; give copies the same split, or set near_duplicates to 1 if they are none"
        )
    torn = [f"{names[place]} ({labels[place]})" for place in near.disagreeing]
    if torn:
        found.append(
            f"{len(torn)} examples look almost like one with another label ({_shown(torn)}); "
            "look at them and correct the labels that are wrong"
        )
    if near.unlooked:
        found.append(
            f"{near.unlooked} pairs of examples that may be near-duplicates were not compared: "
            "there were too many, and the likeliest were; give copies that you know of the same "
            "split"
        )
    return found


def _moved(keys: Sequence[str], given: Sequence[str | None]) -> list[int]:
    """Places of items that were given for a side and stand on a stricter one."""
    sides = [NAMES.get(name or "") for name in given]
    strictest: dict[str, int] = {}
    for key, side in zip(keys, sides, strict=True):
        if side is not None:
            rank = STRICTEST.index(side)
            strictest[key] = min(rank, strictest.get(key, rank))
    return [
        place
        for place, (key, side) in enumerate(zip(keys, sides, strict=True))
        if side is not None and STRICTEST.index(side) != strictest[key]
    ]


def _shown(names: Sequence[str]) -> str:
    listed = ", ".join(names[:NAMED])
    return f"{listed}, ..." if len(names) > NAMED else listed
