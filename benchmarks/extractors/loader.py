"""torch's DataLoader: one worker a core decodes and transforms, the main process forwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.contest.task import Stopwatch, hand_in, read_task
from benchmarks.extractors.in_torch import (
    Transform,
    forward,
    load_network,
    load_transform,
    open_upright,
)


class Files(Dataset[Tensor]):
    """Transformed pictures."""

    def __init__(self, paths: list[Path], transform: Transform) -> None:
        self._paths = paths
        self._transform = transform

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Tensor:
        return self._transform(open_upright(self._paths[index]))


def main() -> None:
    """Embed the task's pictures."""
    task = read_task()
    network = load_network(task)
    files = Files(task.paths, load_transform(task))
    with Stopwatch() as watch:
        batches = DataLoader(files, batch_size=task.batch, num_workers=task.processes)
        vectors = np.concatenate([forward(network, batch) for batch in batches])
    hand_in(task, vectors, watch, packages=("torch",), batch=task.batch)


if __name__ == "__main__":
    main()
