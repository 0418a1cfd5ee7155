import torch
from torch import nn

from zoo.inference.measuring import find_taps, measure


def test_a_convolution_costs_its_multiply_adds_and_shows_its_shape():
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())

    found = measure(network, torch.zeros(1, 3, 10, 10), layers=("0", "1"))

    assert found.multiply_adds == 10 * 10 * 8 * 3 * 3 * 3
    assert found.shapes == {"0": (8, 10, 10), "1": (8, 10, 10)}


def test_attention_counts_on_the_kernel_that_evaluation_takes():
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

        def forward(self, tokens):
            return self.attention(tokens, tokens, tokens, need_weights=False)[0]

    network = Attending().eval().requires_grad_(False)

    found = measure(network, torch.zeros(1, 10, 16), layers=())

    assert found.multiply_adds == 4 * 10 * 16 * 16 + 2 * 10 * 10 * 16


def test_a_network_that_cannot_be_watched_is_forwarded_all_the_same():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    picture = torch.zeros(1, 3, 1, 1)
    unwatched = measure(network, picture, layers=("no such layer",))

    assert unwatched.output.shape == (1, 2)
    assert unwatched.multiply_adds is None


def test_taps_are_two_blocks_and_the_last_map():
    shapes = {"a": (8, 4, 4), "b": (8, 4, 4), "c": (16, 2, 2), "d": (16, 2, 2), "pool": (16, 1, 1)}

    taps = find_taps(shapes, blocks=("a", "b", "c", "d"))

    assert taps == {"early": "b", "middle": "c", "deep": "d"}


def test_a_network_without_maps_has_no_taps():
    assert find_taps({"mlp": (16,)}, blocks=("mlp",)) == {}
