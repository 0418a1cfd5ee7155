import numpy as np
import pytest

from zoo.training import findings
from zoo.training.calibration import Calibration
from zoo.training.evaluation import Evaluation, evaluate
from zoo.training.findings import Share
from zoo.training.head_only import ClassCounts, HeadOnlyResult, fit_and_evaluate
from zoo.training.samples import Sample
from zoo.training.suspects import Suspect

LABELS = ("cat", "dog")


def judged(n_right: int, n: int, *, samples: list[Sample] | None = None) -> Evaluation:
    """As many cats as dogs; the first `n_right` are right."""
    targets = np.arange(n) % 2
    answers = np.where(np.arange(n) < n_right, targets, 1 - targets)
    return evaluate(2.0 * np.eye(2)[answers], targets, labels=LABELS, samples=samples or [])


def counts(*seen: int) -> list[ClassCounts]:
    labels = ("cat", "dog", "eel")
    return [
        ClassCounts(label=label, train=n, validation=0, test=9)
        for label, n in zip(labels, seen, strict=False)
    ]


def test_knowing_the_training_examples_by_heart_is_told() -> None:
    found = findings.overfitting(Share(right=50, n=50), Share(right=60, n=100), temperature=3.14)
    assert found == (
        "overfitting: 1.00 of the examples that it was trained on are right and 0.60 of those "
        "held out, and it was 3.1 times too sure; give more examples, leave l2 to the "
        "validation split, or choose a weaker strategy"
    )


@pytest.mark.parametrize(
    ("right", "n", "temperature"),
    [(60, 100, 1.2), (7, 10, 3.0), (90, 100, 3.0)],
    ids=["not too sure", "a gap that may be luck", "a small gap"],
)
def test_a_gap_alone_or_by_luck_is_no_overfitting(right: int, n: int, temperature: float) -> None:
    held_out = Share(right=right, n=n)
    assert findings.overfitting(Share(right=49, n=50), held_out, temperature=temperature) is None


def test_a_strategy_with_too_few_examples_is_told() -> None:
    assert findings.too_little_for("full", counts(40, 60)) == (
        "50 examples a class are little for 'full', which wants about 100; more of them "
        "would help; the head alone was tried as well"
    )
    assert findings.too_little_for("full", counts(100, 100)) is None
    assert findings.too_little_for("head_only", counts(2, 2)) is None


def test_a_rare_label_is_told() -> None:
    assert findings.imbalance(counts(100, 20), judged(8, 10)) == (
        "unbalanced: 'cat' has 100 examples to train on and 'dog' 20; read the balanced accuracy "
        "(0.80) rather than the accuracy (0.80), and give more examples of the rare labels"
    )
    assert findings.imbalance(counts(100, 21), judged(8, 10)) is None


def test_too_few_test_examples_are_told_with_how_many_would_do() -> None:
    assert findings.wide_interval(judged(16, 20)) == (
        "with 20 test examples the accuracy may be anything from 0.58 to 0.92; about 70 would "
        "tell it to within 0.1"
    )
    assert findings.wide_interval(judged(80, 100)) is None


def test_no_more_than_the_commonest_label_is_told() -> None:
    assert findings.no_better_than_guessing(judged(55, 100)) == (
        "an accuracy of 0.55 is not surely better than always answering 'cat' (0.50); give more "
        "examples, check the labels, or try another model"
    )
    assert findings.no_better_than_guessing(judged(70, 100)) is None


def test_the_slice_that_comes_off_worst_is_told() -> None:
    samples = [
        Sample(item_id=f"i{n}", name="", metadata={"light": "day" if n < 80 else "night"})
        for n in range(100)
    ]
    evaluation = judged(80, 100, samples=samples)
    assert findings.weak_slice(evaluation.worst_slice) == (
        "where 'light' is 'night' accuracy is 0.00 (20 examples), elsewhere 1.00; give more such "
        "examples, or do not rely on it there"
    )
    assert findings.weak_slice(None) is None


def test_wrong_labels_are_told_by_their_ids() -> None:
    suspects = [
        Suspect(item_id=f"i{n}", name="", label="cat", suggested="dog", probability=0.99)
        for n in range(12)
    ]
    assert findings.wrong_labels(suspects[:3]) == (
        "3 examples may have a wrong label: i0 ('dog'?), i1 ('dog'?), i2 ('dog'?); look at them"
    )
    assert (findings.wrong_labels(suspects) or "").endswith(
        "i9 ('dog'?) and 2 more in the report; look at them"
    )
    assert findings.wrong_labels(suspects[:2]) is None


def test_a_domain_that_the_backbone_does_not_know_is_told() -> None:
    assert findings.far_domain(0.85, backbone="lite.tiny.in1k", strategies=["head_only"]) == (
        "the examples are unlike those that lite.tiny.in1k was trained on, as its own classifier "
        "recognises next to nothing; compare strategies that train the backbone too, or choose "
        "one that was trained on such ones"
    )
    tried = findings.far_domain(0.85, backbone="b", strategies=["head_only", "full"])
    assert (tried or "").endswith(
        "recognises next to nothing; a backbone that was trained on such ones may do better"
    )
    assert findings.far_domain(0.64, backbone="lite.tiny.in1k", strategies=[]) is None
    assert findings.far_domain(None, backbone="lite.tiny.in1k", strategies=[]) is None


def test_missing_calibration_is_told() -> None:
    assert findings.uncalibrated(Calibration(reason="too few")) == (
        "its probabilities are not calibrated: too few; give more of them"
    )
    assert findings.uncalibrated(Calibration(method="validation")) is None


@pytest.fixture(scope="module")
def trap() -> tuple[np.ndarray, list[str]]:
    """Few examples with many numbers each, of which one says a little: the overfitting trap."""
    rng = np.random.default_rng(0)
    targets = np.arange(240) % 2
    features = rng.standard_normal((240, 400))
    features[:, 0] += 2.4 * targets
    return features.astype(np.float32), [LABELS[target] for target in targets]


def trapped(trap: tuple[np.ndarray, list[str]], *, l2: float | None) -> HeadOnlyResult:
    features, labels = trap
    keys = [f"{n:03d}" for n in range(240)]
    return fit_and_evaluate(features, labels, keys=keys, given_splits=[None] * 240, seed=0, l2=l2)


def test_the_overfitting_trap_is_told_and_the_default_keeps_out_of_it(
    trap: tuple[np.ndarray, list[str]],
) -> None:
    naive, ours = trapped(trap, l2=1e-6), trapped(trap, l2=None)
    told = [
        any(
            sentence.startswith("overfitting:")
            for sentence in findings.of_head(
                one, unfamiliarity=None, backbone="b", strategies=["head_only"]
            )
        )
        for one in (naive, ours)
    ]
    assert told == [True, False]
    assert ours.evaluation.log_loss <= naive.evaluation.log_loss


def test_a_sound_head_is_warned_of_nothing() -> None:
    rng = np.random.default_rng(0)
    features = np.eye(2)[np.arange(600) % 2] + 0.3 * rng.standard_normal((600, 2))
    fitted = fit_and_evaluate(
        features.astype(np.float32),
        [LABELS[n % 2] for n in range(600)],
        keys=[f"{n:03d}" for n in range(600)],
        given_splits=[None] * 600,
        seed=0,
    )
    sound = findings.of_head(
        fitted, unfamiliarity=0.1, backbone="b", strategies=["head_only", "full"]
    )
    assert sound == []
    told = findings.of_head(
        fitted, unfamiliarity=0.9, backbone="b", strategies=["head_only", "scratch"]
    )
    assert [sentence.split()[0] for sentence in told] == ["240", "the"]
