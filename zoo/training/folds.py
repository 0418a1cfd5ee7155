"""What heads say of images that they were not fitted to, for every image that could be fitted."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from zoo.training.fitting import sketch_head
from zoo.training.once import Arrays, Once, anew

N_FOLDS = 5

Targets = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Logits of heads fitted to the other folds, and the images that they could be asked of."""

    places: NDArray[np.int64]  # (n,) rising, among all that were given
    logits: NDArray[np.float64]  # (n, classes)


def hold_out(
    features: NDArray[np.floating],
    targets: Targets,
    *,
    keys: Sequence[str],
    labels: Sequence[str],
    l2: float,
    seed: int,
    always: NDArray[np.bool_] | None = None,
    once: Once = anew,
) -> HeldOut:
    """Cross-validated logits: each fold's from a head fitted to all others with the same `l2`.

    Those of `always` (n,) are fitted to every time, and never asked. Each fold is asked `once`.
    Images of one key share a fold. One whose label no other fold has is left out: a head that
    never saw the label can say nothing of it.
    """
    folds = deal_folds(targets, keys=keys, seed=seed)
    fixed = np.zeros(len(targets), np.bool_) if always is None else always
    logits = np.zeros((len(targets), len(labels)))
    is_asked = np.zeros(len(targets), np.bool_)
    for fold in np.unique(folds):
        inside = (folds == fold) & ~fixed
        asked = inside & np.isin(targets, targets[~inside])
        if asked.any():
            # From zero: a head that saw the fold is no place to begin, as where the penalty is
            # weak the search would end where it began.
            fit = partial(
                _judged, features, targets, inside=inside, asked=asked, labels=labels, l2=l2
            )
            logits[asked] = once(f"fold_{fold}", fit)["logits"]
            is_asked |= asked
    return HeldOut(places=np.flatnonzero(is_asked), logits=logits[is_asked])


def _judged(
    features: NDArray[np.floating],
    targets: Targets,
    *,
    inside: NDArray[np.bool_],
    asked: NDArray[np.bool_],
    labels: Sequence[str],
    l2: float,
) -> Arrays:
    """Logits for those asked, of a head that is fitted to all that are not inside the fold."""
    head = sketch_head(features[~inside], targets[~inside], labels=labels, l2=l2)
    return {"logits": head.logits(features[asked])}


def deal_folds(targets: Targets, *, keys: Sequence[str], seed: int) -> NDArray[np.int64]:
    """A fold for each image, from 0 to `N_FOLDS`, with about equally many of each label.

    It depends on the keys and the seed alone, never on the order of the images.
    """
    by_class: dict[int, list[str]] = defaultdict(list)
    for key, target in sorted(dict(zip(keys, targets.tolist(), strict=True)).items()):
        by_class[target].append(key)
    drawn = [
        key
        for _, members in sorted(by_class.items())
        for key in sorted(
            members, key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest()
        )
    ]
    # Dealt on from class to class, so that small classes do not all begin with the first fold.
    folds = {key: place % N_FOLDS for place, key in enumerate(drawn)}
    return np.array([folds[key] for key in keys], np.int64)
