import numpy as np
import pytest

from zoo.training.fitting import fit_head
from zoo.training.folds import N_FOLDS, deal_folds, hold_out

LABELS = ("cat", "dog")
RNG = np.random.default_rng(0)
TARGETS = np.arange(60) % 2
FEATURES = (np.eye(2)[TARGETS] + RNG.standard_normal((60, 2))).astype(np.float32)
KEYS = [f"k{number:02d}" for number in range(60)]


def test_every_fold_has_its_share_of_every_label() -> None:
    folds = deal_folds(TARGETS, keys=KEYS, seed=0)
    counts = [np.bincount(TARGETS[folds == fold]).tolist() for fold in range(N_FOLDS)]
    assert counts == [[6, 6]] * N_FOLDS


def test_images_of_one_key_share_a_fold() -> None:
    keys = [key[:2] for key in KEYS]
    folds = deal_folds(TARGETS, keys=keys, seed=0)
    assert len({(key, int(fold)) for key, fold in zip(keys, folds, strict=True)}) == len(set(keys))


def test_folds_depend_on_keys_and_seed_and_not_on_the_order() -> None:
    order = RNG.permutation(60)
    folds = deal_folds(TARGETS, keys=KEYS, seed=0)
    shuffled = deal_folds(TARGETS[order], keys=[KEYS[place] for place in order], seed=0)
    assert shuffled.tolist() == folds[order].tolist()
    assert deal_folds(TARGETS, keys=KEYS, seed=1).tolist() != folds.tolist()


def test_an_image_is_judged_by_a_head_that_never_saw_it() -> None:
    found = hold_out(FEATURES, TARGETS, keys=KEYS, labels=LABELS, l2=1.0, seed=0)
    assert found.places.tolist() == list(range(60))
    others = deal_folds(TARGETS, keys=KEYS, seed=0) != 3
    head = fit_head(FEATURES[others], TARGETS[others], labels=LABELS, l2=1.0)
    assert found.logits[~others] == pytest.approx(head.logits(FEATURES[~others]), abs=1e-3)


def test_a_label_that_no_other_fold_has_is_not_asked_for() -> None:
    targets = np.array([0] * 30 + [1] * 29 + [2])
    found = hold_out(FEATURES, targets, keys=KEYS, labels=("cat", "dog", "eel"), l2=1.0, seed=0)
    assert found.places.tolist() == list(range(59))
    assert np.isfinite(found.logits).all()
