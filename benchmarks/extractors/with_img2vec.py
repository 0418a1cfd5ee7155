"""img2vec-pytorch, with the network in the place of its own and its own preprocessing."""

from __future__ import annotations

import numpy as np
import torch
from img2vec_pytorch import Img2Vec
from torch import nn

from benchmarks.contest.task import Stopwatch, hand_in, read_task
from benchmarks.extractors.in_torch import forward, load_network, open_upright


class Embedder(Img2Vec):  # type: ignore[misc]  # untyped
    """An Img2Vec of a network that it has never heard of."""

    def __init__(self, network: nn.Module, *, dim: int) -> None:
        self._network = nn.Sequential(network, nn.Unflatten(1, (dim, 1, 1)))
        super().__init__(model="ours", layer_output_size=dim)

    def _get_model_and_layer(self, _model: str, _layer: str) -> tuple[nn.Module, nn.Module]:
        return self._network, self._network[1]


def main() -> None:
    """Embed the task's pictures, one by one, as its documentation does."""
    task = read_task()
    network = load_network(task)
    with Stopwatch() as watch:
        embedder = Embedder(network, dim=network_dim(network, task.transform["input_size"]))
        vectors = np.stack([embedder.get_vec(open_upright(path)) for path in task.paths])
    hand_in(task, vectors, watch, packages=("img2vec-pytorch", "torch"))


def network_dim(network: nn.Module, input_size: tuple[int, int, int]) -> int:
    """How many numbers an embedding has."""
    return int(forward(network, torch.zeros(1, *input_size)).shape[1])


if __name__ == "__main__":
    main()
