"""Decoding and forwarding one picture after the other: the floor under any server's CPU time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.contest.task import Stopwatch, hand_in, read_task
from benchmarks.extractors.pixels import decoded
from zoo.inference.runtimes import open_graph


def main() -> None:
    """Embed the task's pictures."""
    task = read_task()
    engine = open_graph(task.engine, Path(task.graph), batch=1)
    engine.embed(np.zeros((1, *task.preprocessing["input_size"], 3), np.uint8))
    with Stopwatch() as watch:
        vectors = [
            engine.embed(decoded(path.read_bytes(), dict(task.preprocessing))[None])
            for path in task.paths
        ]
    hand_in(task, np.concatenate(vectors), watch, packages=(task.engine, "pillow"))


if __name__ == "__main__":
    main()
