import numpy as np
import pytest
from numpy.typing import NDArray

from zoo.errors import InvalidError
from zoo.training.fitting import DEFAULT_L2, L2_GRID, choose_l2, fit_head, sketch_head

Floats = NDArray[np.float32]
Targets = NDArray[np.int64]


def blobs(
    n: int, *, dim: int = 20, classes: int = 3, spread: float = 0.9, seed: int = 0
) -> tuple[Floats, Targets]:
    """Overlapping normal clouds around fixed centres, in features of very different widths."""
    centres = np.random.default_rng(99).standard_normal((classes, dim))
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, n)
    widths = np.logspace(-2, 2, dim)
    features = (centres[targets] + spread * rng.standard_normal((n, dim))) * widths + 7
    return features.astype(np.float32), targets


LABELS = ("a", "b", "c")


def test_a_head_tells_clouds_apart_that_it_has_not_seen() -> None:
    head = fit_head(*blobs(600), labels=LABELS, l2=0.3)
    features, targets = blobs(400, seed=1)
    assert head.labels == LABELS
    assert (head.probabilities(features).argmax(axis=1) == targets).mean() > 0.9


def test_a_fit_repeats_bit_for_bit() -> None:
    first = fit_head(*blobs(200), labels=LABELS, l2=0.3)
    again = fit_head(*blobs(200), labels=LABELS, l2=0.3)
    assert first.matrix.tobytes() == again.matrix.tobytes()
    assert first.bias.tobytes() == again.bias.tobytes()


def test_a_fit_is_the_minimum_of_the_documented_loss() -> None:
    # With features whose scaling is the identity the gradient can be written down by hand.
    rng = np.random.default_rng(0)
    raw = rng.standard_normal((80, 4))
    raw -= raw.mean(axis=0)
    features = raw / raw.std(axis=0) / 2
    targets = rng.integers(0, 3, 80)
    l2 = 0.7
    head = fit_head(features, targets, labels=LABELS, l2=l2)

    slope = (head.probabilities(features) - np.eye(3)[targets]) / 80
    # Every deviation is 1/2, so the divisor is sqrt(1/2) * sqrt(4 * 1/2) = 1.
    gradient = slope.T @ features + l2 / 80 * head.matrix

    assert np.abs(gradient).max() < 1e-5
    assert np.abs(slope.sum(axis=0)).max() < 1e-5


def test_the_bias_is_free_so_that_a_strong_l2_gives_the_class_shares() -> None:
    features, _ = blobs(100)
    targets = np.array([0] * 60 + [1] * 30 + [2] * 10)
    head = fit_head(features, targets, labels=LABELS, l2=1e9)
    assert head.probabilities(features)[5] == pytest.approx([0.6, 0.3, 0.1], abs=1e-3)


def test_constant_and_nearly_constant_features_do_no_harm() -> None:
    features, targets = blobs(200)
    features = np.hstack([features, np.full((200, 1), 3.0), np.full((200, 1), 5e4)]).astype("f")
    features[:, -1] += np.float32(1e-2) * np.arange(200)
    head = fit_head(features, targets, labels=LABELS, l2=0.3)
    assert np.isfinite(head.matrix).all()
    assert (head.probabilities(features).argmax(axis=1) == targets).mean() > 0.9


def test_features_that_are_all_the_same_give_the_class_shares() -> None:
    head = fit_head(np.ones((10, 4), np.float32), np.array([0] * 7 + [1] * 3), labels="ab", l2=1.0)
    assert head.probabilities(np.ones((1, 4), np.float32))[0] == pytest.approx(
        [0.7, 0.3], abs=1e-4
    )


def test_features_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InvalidError, match="features must be finite to train on"):
        fit_head(np.full((4, 2), np.inf, np.float32), np.array([0, 1, 0, 1]), labels="ab", l2=1.0)


def log_loss(l2: float, train: tuple[Floats, Targets], judged: tuple[Floats, Targets]) -> float:
    probabilities = fit_head(*train, labels=LABELS, l2=l2).probabilities(judged[0])
    return -float(np.log(probabilities[np.arange(len(judged[1])), judged[1]]).mean())


def test_the_chosen_l2_is_the_best_of_the_grid_on_the_validation_features() -> None:
    train, validation = blobs(60, spread=4), blobs(300, spread=4, seed=1)
    losses = {l2: log_loss(l2, train, validation) for l2 in L2_GRID}

    chosen = choose_l2(*train, *validation, n_classes=3)

    assert chosen == min(losses, key=losses.__getitem__)
    assert min(L2_GRID) < chosen < max(L2_GRID)


def test_noise_is_answered_with_a_stronger_l2() -> None:
    clear = choose_l2(*blobs(60, spread=0.5), *blobs(200, spread=0.5, seed=1), n_classes=3)
    noisy = choose_l2(*blobs(60, spread=20), *blobs(200, spread=20, seed=1), n_classes=3)
    assert noisy > clear


def test_without_validation_features_the_default_is_chosen() -> None:
    empty = np.empty((0, 20), np.float32), np.empty(0, np.int64)
    assert choose_l2(*blobs(30), *empty, n_classes=3) == DEFAULT_L2


def test_two_validation_images_do_not_overrule_what_most_sets_need() -> None:
    train, (features, targets) = blobs(60, spread=4), blobs(300, spread=4, seed=1)
    misleading = features[:2], (targets[:2] + 1) % 3
    many = choose_l2(
        *train, np.repeat(misleading[0], 200, 0), misleading[1].repeat(200), n_classes=3
    )
    assert many == max(L2_GRID)
    assert choose_l2(*train, *misleading, n_classes=3) < 10


@pytest.mark.parametrize("l2", [10.0, 0.3, 1e-3, 1e-6])
def test_a_sketch_is_as_sure_as_what_it_sketches(l2: float) -> None:
    features, targets = blobs(300)
    sketched = sketch_head(features, targets, labels=LABELS, l2=l2).probabilities(features)
    exact = fit_head(features, targets, labels=LABELS, l2=l2).probabilities(features)
    assert sketched == pytest.approx(exact, abs=2e-3)
