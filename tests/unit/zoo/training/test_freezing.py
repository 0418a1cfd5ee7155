"""Which block the tensors belong to that lie in none."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from zoo.training.freezing import Blocks


class Tower(nn.Module):
    """A token before its blocks, a norm between them and one behind."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 4))
        self.stem = nn.Linear(4, 4)
        self.between = nn.LayerNorm(4)
        self.blocks = nn.Sequential(
            OrderedDict(first=nn.Linear(4, 4), second=nn.Sequential(nn.Linear(4, 4)))
        )
        self.norm = nn.BatchNorm1d(4)


NAMES = ("stem", "blocks.first", "blocks.second")
PLACES = {
    "token": 0,
    "stem.weight": 0,
    "between.bias": 0,
    "blocks": 0,
    "blocks.first.weight": 1,
    "blocks.second": 2,
    "blocks.second.0.bias": 2,
    "norm": 2,
    "norm.running_mean": 2,
}


@pytest.mark.parametrize(("path", "place"), PLACES.items(), ids=PLACES)
def test_what_lies_in_no_block_belongs_to_the_one_before_it(path: str, place: int) -> None:
    assert Blocks(Tower(), NAMES).place_of(path) == place


def test_the_norm_behind_the_last_block_is_trained_with_it() -> None:
    tower = Tower()

    Blocks(tower, NAMES).thaw(1)

    trained = {name for name, one in tower.named_parameters() if one.requires_grad}
    assert trained == {
        "blocks.second.0.weight",
        "blocks.second.0.bias",
        "norm.weight",
        "norm.bias",
    }
