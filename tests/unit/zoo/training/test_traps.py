"""Two ways to lose what was there, reproduced, with our defaults on the right side of both."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from tests.trained import SIDE, Onlooker, Scaled, make_material, make_network
from zoo.training.fitting import fit_head
from zoo.training.heads import Head
from zoo.training.loop import Training
from zoo.training.networks import Material, Network, make_linear
from zoo.training.recipes import Recipe

pytestmark = pytest.mark.slow

RECIPE = Recipe(n_trained=1, epochs=4, rate=3e-4, batch_size=4)
N, N_JUDGED = 50, 100


@torch.no_grad()
def embed(network: Network, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(network.forward(torch.from_numpy(pixels)).numpy(), np.float32)


def fitted(features: NDArray[np.float32], targets: NDArray[np.int64]) -> Head:
    return fit_head(features, targets, labels=("dark", "bright"), l2=0.1)


def accuracy(network: Network, head: Head, given: Material) -> float:
    network.forward.eval()
    features = embed(network, given.validation.stacked(range(N_JUDGED)))
    return float((head.logits(features).argmax(axis=1) == given.validation_targets).mean())


def trapped(seed: int, given: Material) -> float:
    """A head on a frozen network that was left in training mode, fed folder after folder."""
    network = make_network(seed=seed)
    by_label = np.argsort(given.targets, kind="stable")
    network.tower.train()
    features = np.concatenate(
        [embed(network, given.pictures.stacked(part)) for part in np.split(by_label, N // 2)]
    )
    return accuracy(network, fitted(features, given.targets[by_label]), given)


def spared(seed: int, given: Material) -> float:
    """The same, trained on by our loop with its defaults."""
    network = make_network(seed=seed)
    head = fitted(embed(network, given.pictures.stacked(range(N))), given.targets)
    network = replace(network, linear=make_linear(8, 2, head=head))
    training = Training(network, given, RECIPE, is_short=lambda _: False)
    training.run(Onlooker())
    matrix, bias = training.head
    return accuracy(network, replace(head, matrix=matrix, bias=bias), given)


def test_batch_statistics_that_move_under_a_frozen_network_cost_accuracy_and_ours_stand_still(
    tmp_path: Path,
) -> None:
    given = make_material(tmp_path, n=N, n_validation=N_JUDGED)
    seeds = range(5)
    ours = float(np.mean([spared(seed, given) for seed in seeds]))
    assert ours > 0.95
    assert float(np.mean([trapped(seed, given) for seed in seeds])) < ours - 0.15


def wide_network() -> Network:
    """One that has room for every picture."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 64), nn.ReLU())
    tower = nn.Sequential(OrderedDict(all=layers))
    return Network(
        forward=Scaled(tower).eval(),
        tower=tower,
        linear=make_linear(64, 2, head=None),
        blocks=("all",),
        input_size=(SIDE, SIDE),
    )


def test_training_until_all_is_known_by_heart_costs_and_ours_stops_and_goes_back(
    tmp_path: Path,
) -> None:
    given = make_material(tmp_path, n=40, n_validation=N_JUDGED, gap=4)
    wrong = given.targets.copy()
    wrong[:12] = 1 - wrong[:12]
    given = replace(given, targets=wrong)
    recipe = replace(RECIPE, epochs=60, rate=3e-3, batch_size=8)
    trap = replace(recipe, patience=60, label_smoothing=0.0, weight_decay=0.0,
                   augmentation="none", has_flips=False)  # fmt: skip

    naive = Training(wide_network(), given, trap, is_short=lambda _: False)
    naive.run(Onlooker())
    ours = Training(wide_network(), given, recipe, is_short=lambda _: False)
    ours.run(Onlooker())

    last = naive.history[-1]
    assert last.train_accuracy == 1.0
    assert last.validation_loss is not None
    assert last.validation_loss > 1.5 * ours.best.loss
    assert len(ours.history) < 60
