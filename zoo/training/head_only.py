"""Head-only fine-tuning on cached features, from labelled vectors to a judged head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from zoo.errors import InvalidError
from zoo.training.arranging import Arranged, Places, arrange
from zoo.training.calibration import Calibration, fit_temperature
from zoo.training.evaluation import Evaluation, evaluate
from zoo.training.fitting import choose_l2, fit_head
from zoo.training.folds import HeldOut, hold_out
from zoo.training.heads import Head
from zoo.training.once import Arrays, Once, anew
from zoo.training.samples import Sample
from zoo.training.suspects import Suspect, find_suspects

Features = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class SplitSizes:
    """How many items stood on each side."""

    train: int
    validation: int
    test: int
    moved: int  # given for a side but counted on a stricter one, where their content also was


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """How many items of a label stood on each side."""

    label: str
    train: int
    validation: int
    test: int

    @property
    def seen(self) -> int:
        """How many a head is fitted to in the end."""
        return self.train + self.validation


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadOnlyResult:
    """A fitted head and what is known of it."""

    head: Head  # calibrated: its probabilities can be believed as they are
    calibration: Calibration
    evaluation: Evaluation  # on the test side, which nothing was fitted to or chosen by
    l2: float
    train_accuracy: float  # on train and validation, which the head was fitted to
    sizes: SplitSizes
    classes: tuple[ClassCounts, ...]
    suspects: tuple[Suspect, ...]  # judged by heads that they did not train
    held_out: HeldOut  # what calibrated it: logits of heads that were fitted without each place


def fit_and_evaluate(
    features: NDArray[np.float32],
    labels: Sequence[str],
    *,
    keys: Sequence[str],
    given_splits: Sequence[str | None],
    seed: int,
    l2: float | None = None,
    samples: Sequence[Sample] = (),
) -> HeadOnlyResult:
    """Split, choose `l2` on the validation side unless it is given, refit with it, judge on test.

    `features` (n, dim) raw embeddings, one for each of `labels`; `keys` name the contents, so
    that identical images stay on one side; `samples` name the items in the report. The same
    items in any order give the same head. The labels of the head are sorted.

    The head is fitted to train and validation in the end, so that nothing of the validation
    side could calibrate it. Its temperature comes from cross-validation over both (see
    `hold_out`), and is folded into it.

    Raises InvalidError as `make_splits` does, and for an `l2` that is not positive.
    """
    arranged = arrange(labels, keys=keys, given_splits=given_splits, seed=seed, samples=samples)
    return fit_arranged(features[arranged.order], arranged, seed=seed, l2=l2)


def fit_arranged(
    features: Features,
    arranged: Arranged,
    *,
    seed: int,
    l2: float | None = None,
    asked: Places | None = None,
    once: Once = anew,
) -> HeadOnlyResult:
    """The same for examples that are arranged already, `features` (n, dim) in their order.

    `asked` are the places whose held-out logits calibrate the head, by default all that it is
    fitted to. They must be none that the features themselves were fitted to.
    """
    strength = choose_strength(features, arranged, l2=l2, once=once)
    seen, targets = arranged.seen, arranged.targets
    asked = seen if asked is None else asked
    held_out = held_out_on(asked, features, arranged, seed=seed, l2=strength, once=once)
    calibration = fit_temperature(
        held_out.logits, targets[held_out.places], method="cross_validation"
    )
    fitted = _fitted(features, arranged, l2=strength, once=once)
    head = fitted.tempered(calibration.temperature)
    predicted = head.logits(features[seen]).argmax(axis=1)
    splits = arranged.splits
    return HeadOnlyResult(
        head=head,
        calibration=calibration,
        evaluation=_judged(features, arranged, head=head, calibration=calibration),
        l2=strength,
        train_accuracy=float((predicted == targets[seen]).mean()),
        sizes=SplitSizes(
            train=len(splits.train),
            validation=len(splits.validation),
            test=len(splits.test),
            moved=splits.moved,
        ),
        classes=_counted(arranged),
        held_out=held_out,
        suspects=_suspected(
            features, arranged, held_out, head=head, temperature=calibration.temperature
        ),
    )


def _fitted(features: Features, arranged: Arranged, *, l2: float, once: Once) -> Head:
    def fit() -> Arrays:
        seen = arranged.seen
        head = fit_head(features[seen], arranged.targets[seen], labels=arranged.classes, l2=l2)
        return {"matrix": head.matrix, "bias": head.bias}

    found = once("head", fit)
    matrix, bias = (found[name].astype(np.float32, copy=False) for name in ("matrix", "bias"))
    return Head(matrix=matrix, bias=bias, labels=arranged.classes)


def choose_strength(
    features: Features, arranged: Arranged, *, l2: float | None, once: Once = anew
) -> float:
    """`l2` if it is given, else what does best on the validation side."""
    if l2 is not None and not 0 < l2 < np.inf:
        raise InvalidError(f"l2 must be a positive number, not {l2}", field="l2")
    splits, targets = arranged.splits, arranged.targets
    if l2:
        return l2

    def choose() -> Arrays:
        chosen = choose_l2(
            features[splits.train],
            targets[splits.train],
            features[splits.validation],
            targets[splits.validation],
            n_classes=len(arranged.classes),
        )
        return {"l2": np.array(chosen)}

    return float(once("strength", choose)["l2"])


def held_out_on(
    asked: Places,
    features: Features,
    arranged: Arranged,
    *,
    seed: int,
    l2: float,
    once: Once = anew,
) -> HeldOut:
    """Logits for places that no head of theirs was fitted to, as places among all examples.

    All other places but the test side's are fitted to every time. A place whose label nothing
    else has is left out.
    """
    seen = arranged.seen
    found = hold_out(
        features[seen],
        arranged.targets[seen],
        keys=[arranged.keys[place] for place in seen],
        labels=arranged.classes,
        l2=l2,
        seed=seed,
        always=~np.isin(seen, asked),
        once=once,
    )
    return HeldOut(places=seen[found.places], logits=found.logits)


def _suspected(
    features: Features, arranged: Arranged, held_out: HeldOut, *, head: Head, temperature: float
) -> tuple[Suspect, ...]:
    if not arranged.samples:
        return ()
    test = arranged.splits.test
    places = np.concatenate([held_out.places, test])
    judged = [held_out.logits / temperature, head.logits(features[test])]
    return find_suspects(
        softmax(np.concatenate(judged), axis=1),
        arranged.targets[places],
        labels=arranged.classes,
        samples=[arranged.samples[place] for place in places],
    )


def _judged(
    features: Features, arranged: Arranged, *, head: Head, calibration: Calibration
) -> Evaluation:
    test, samples = arranged.splits.test, arranged.samples
    return evaluate(
        head.logits(features[test]),
        arranged.targets[test],
        labels=arranged.classes,
        temperature=calibration.temperature,
        most_common=int(np.bincount(arranged.targets[arranged.seen]).argmax()),
        samples=[samples[place] for place in test] if samples else (),
    )


def _counted(arranged: Arranged) -> tuple[ClassCounts, ...]:
    splits, n = arranged.splits, len(arranged.classes)
    counts = [
        np.bincount(arranged.targets[side], minlength=n).tolist()
        for side in (splits.train, splits.validation, splits.test)
    ]
    return tuple(
        ClassCounts(label=label, train=train, validation=validation, test=test)
        for label, train, validation, test in zip(arranged.classes, *counts, strict=True)
    )
