"""Training stops after any step and goes on bit by bit the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trained import BLOCKS, Onlooker, make_material, make_network, make_training
from zoo.errors import InvalidError
from zoo.training.freezing import check_unchanged, fingerprints
from zoo.training.loop import Training
from zoo.training.networks import Network
from zoo.training.recipes import Recipe
from zoo.training.states import read_state, write_state

RECIPE = Recipe(n_trained=3, epochs=3, rate=0.01, batch_size=8, patience=9)
RECIPES = {
    "full": RECIPE,
    "last block": replace(RECIPE, n_trained=1),
    "gradual": replace(RECIPE, is_gradual=True),
    "sgd": replace(RECIPE, optimizer="sgd"),
    "strong and mixed": replace(RECIPE, augmentation="strong", mixup=0.4),
    "moving statistics": replace(RECIPE, bn="train"),
    "recalibrated": replace(RECIPE, bn="recalibrate"),
    "pulled back": replace(RECIPE, l2_sp=0.1),
    "balanced and plain": replace(RECIPE, is_balanced=True, augmentation="none", has_flips=False),
}


class StoppedError(Exception):
    pass


class StopsAfter(Onlooker):
    def __init__(self, n_steps: int) -> None:
        self.left = n_steps

    def stepped(self, training: Training) -> None:
        assert training.n_done > 0
        self.left -= 1
        if self.left == 0:
            raise StoppedError


def weights_of(network: Network) -> dict[str, torch.Tensor]:
    return {**network.tower.state_dict(), **network.linear.state_dict()}


def same(one: Network, other: Network) -> bool:
    first, second = weights_of(one), weights_of(other)
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_training_that_was_stopped_and_goes_on_gives_the_same_bits(
    tmp_path: Path, recipe: Recipe
) -> None:
    undisturbed = make_network()
    make_training(tmp_path, recipe, network=undisturbed).run(Onlooker())

    for n_steps in (1, 3, 4, 8):  # of three an epoch
        stopped = make_training(tmp_path, recipe)
        with pytest.raises(StoppedError):
            stopped.run(StopsAfter(n_steps))
        write_state(tmp_path / "state", stopped.state())
        resumed = make_network()
        training = make_training(tmp_path, recipe, network=resumed)
        training.restore(read_state(tmp_path / "state"))
        training.run(Onlooker())
        assert same(undisturbed, resumed), n_steps


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_what_is_frozen_keeps_its_bits_and_the_rest_is_trained(
    tmp_path: Path, recipe: Recipe
) -> None:
    network = make_network()
    training = make_training(tmp_path, recipe, network=network)
    before = fingerprints(network.tower.state_dict(), network.tower.state_dict())
    training.run(Onlooker())
    check_unchanged(network.tower.state_dict(), {name: before[name] for name in training.frozen})
    after = fingerprints(network.tower.state_dict(), before)
    names = dict(network.tower.named_parameters())
    changed = {name for name in names if before[name] != after[name]}
    assert changed == {name for name in names if name not in training.frozen}


def test_another_seed_gives_other_bits(tmp_path: Path) -> None:
    networks = [make_network(), make_network()]
    for seed, network in enumerate(networks):
        make_training(tmp_path, replace(RECIPE, seed=seed), network=network).run(Onlooker())
    assert not same(*networks)


def test_a_batch_that_memory_is_short_for_is_cut_and_the_gradients_stay(tmp_path: Path) -> None:
    def train(most: int) -> Network:
        network = make_network()
        network.tower.get_submodule("body.2").p = 0.0  # what is dropped depends on the parts
        recipe = replace(RECIPE, mixup=0.3, is_balanced=True)
        forward = network.logits

        def logits(pixels: torch.Tensor) -> torch.Tensor:
            if len(pixels) > most and torch.is_grad_enabled():
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return forward(pixels)

        object.__setattr__(network, "logits", logits)
        training = Training(
            network, make_material(tmp_path), recipe, is_short=lambda error: "memory" in str(error)
        )
        training.run(Onlooker())
        assert training.state().facts["micro_batch"] == min(most, 8)
        return network

    whole, cut = weights_of(train(8)), weights_of(train(2))
    for name in whole:
        torch.testing.assert_close(whole[name], cut[name], rtol=2e-3, atol=2e-4)


def make_pooled_network() -> Network:
    """One that normalises numbers instead of maps: of a single picture there is one of each."""
    network = make_network()
    network.tower.add_module("norm", torch.nn.BatchNorm1d(8).eval())
    return replace(network, blocks=(*BLOCKS, "norm"))


@pytest.mark.parametrize(
    ("batch_size", "most", "n_moved"),
    [(1, 1, 0), (5, 5, 4), (32, 4, 5), (8, 1, 0)],
    ids=["batches of one", "last batch of one", "last part of one", "parts of one"],
)
def test_the_statistics_of_a_single_picture_never_count(
    tmp_path: Path, batch_size: int, most: int, n_moved: int
) -> None:
    network = make_pooled_network()  # of 21 pictures
    recipe = replace(RECIPE, n_trained=4, bn="train", batch_size=batch_size, epochs=1)
    training = make_training(tmp_path, recipe, network=network)
    training.limit(most)
    training.run(Onlooker())
    weights = weights_of(network)
    assert all(torch.isfinite(one).all() for one in weights.values())
    counted = {int(one) for name, one in weights.items() if name.endswith("num_batches_tracked")}
    assert counted == {n_moved}
    assert training.has_stuck_statistics == (n_moved == 0)


def test_statistics_are_taken_anew_of_no_fewer_than_two_pictures(tmp_path: Path) -> None:
    network = make_pooled_network()
    recipe = replace(RECIPE, n_trained=4, bn="recalibrate", batch_size=8, epochs=1)
    training = make_training(tmp_path, recipe, network=network)
    training.limit(1)
    forward, sizes = network.logits, []

    def logits(pixels: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pixels))
        return forward(pixels)

    object.__setattr__(network, "logits", logits)
    training.run(Onlooker())
    assert sizes == [1] * (21 + 8) + [2] * 10  # the last of 21 has no other
    assert all(torch.isfinite(one).all() for one in weights_of(network).values())


def test_the_best_epoch_is_restored_and_waiting_ends(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=30, rate=0.3, patience=2, warm_up=0.0)
    training = make_training(tmp_path, recipe)
    training.run(Onlooker())
    losses = [one.validation_loss for one in training.history]
    best = min(range(len(losses)), key=lambda place: losses[place] or 0)
    assert len(losses) < 30
    assert training.best.epoch == best + 1 == len(losses) - 2


def test_gradual_training_thaws_one_block_after_the_other(tmp_path: Path) -> None:
    training = make_training(tmp_path, replace(RECIPE, is_gradual=True, epochs=8, patience=9))
    training.run(Onlooker())
    assert [one.trained_blocks for one in training.history] == [1, 2, 3, 3, 3, 3, 3, 3]
    assert len(BLOCKS) == 3


@pytest.mark.parametrize(("epochs", "blocks"), [(1, [9]), (2, [5, 9]), (3, [5, 9, 9])])
def test_gradual_training_of_few_epochs_does_not_begin_with_all_blocks(
    epochs: int, blocks: list[int]
) -> None:
    recipe = replace(RECIPE, n_trained=9, is_gradual=True, epochs=epochs)
    assert [recipe.trained_in(epoch) for epoch in range(epochs)] == blocks


def test_a_rate_that_is_far_too_high_is_said_to_be(tmp_path: Path) -> None:
    training = make_training(
        tmp_path, replace(RECIPE, rate=1e30, optimizer="sgd", clip=1e30, warm_up=0.0)
    )
    with pytest.raises(InvalidError, match="training diverged in epoch 1: the loss is") as caught:
        training.run(Onlooker())
    assert caught.value.code == "training_diverged"


def test_a_last_step_that_goes_too_far_is_seen_on_the_validation_side(tmp_path: Path) -> None:
    recipe = replace(RECIPE, rate=1e30, optimizer="sgd", clip=1e30, warm_up=0.0, batch_size=32)
    training = make_training(tmp_path, replace(recipe, epochs=1))
    with pytest.raises(InvalidError, match="training diverged in epoch 1") as caught:
        training.run(Onlooker())
    assert caught.value.code == "training_diverged"
    assert training.n_done == 1


def test_pixels_beyond_the_file_are_the_same(tmp_path: Path) -> None:
    material = make_material(tmp_path)
    assert np.array_equal(material.pictures[3], material.pictures.stacked([3])[0])
