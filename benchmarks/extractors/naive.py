"""The loop that everybody writes first: open, transform, forward, one picture after the other."""

from __future__ import annotations

import numpy as np

from benchmarks.contest.task import Stopwatch, hand_in, read_task
from benchmarks.extractors.in_torch import forward, load_network, load_transform, open_upright


def main() -> None:
    """Embed the task's pictures; these vectors are what the others' are compared with."""
    task = read_task()
    network, transform = load_network(task), load_transform(task)
    with Stopwatch() as watch:
        vectors = np.concatenate(
            [forward(network, transform(open_upright(path))[None]) for path in task.paths]
        )
    hand_in(task, vectors, watch, packages=("timm", "torch", "pillow"))


if __name__ == "__main__":
    main()
