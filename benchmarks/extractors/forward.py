"""The engine alone, on pixels that are ready: what no pipeline that forwards so can exceed.

A process a core with one thread, batches of 2, chunks from a shared counter, as in `composition`;
but all pictures have been decoded before the clock starts.
"""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest.task import Stopwatch, Task, hand_in, read_task
from benchmarks.extractors.composition import (
    BATCH,
    Shared,
    chunks,
    create_output,
    open_output,
)
from benchmarks.extractors.pixels import decoded
from zoo.inference.runtimes import open_graph

Pixels = NDArray[np.uint8]


def main() -> None:
    """Embed the task's pictures."""
    task = read_task()
    spawning = multiprocessing.get_context("spawn")
    shared = Shared(counter=spawning.Value("q", 0), gate=spawning.Barrier(task.processes + 1))
    create_output(task)
    np.memmap(pixels_path(task), np.uint8, mode="w+", shape=shape_of(task)).flush()
    workers = [spawning.Process(target=work, args=(task, shared)) for _ in range(task.processes)]
    for worker in workers:
        worker.start()
    shared.gate.wait()  # all is decoded
    shared.counter.value = 0
    with Stopwatch() as watch:
        shared.gate.wait()
        shared.gate.wait()  # all is forwarded
    for worker in workers:
        worker.join()
    hand_in(task, open_output(task), watch, packages=(task.engine,), batch=BATCH)


def work(task: Task, shared: Shared) -> None:
    """One process: decode chunks until there are none, then forward them."""
    engine = open_graph(task.engine, Path(task.graph), batch=BATCH)
    pixels: Pixels = np.memmap(pixels_path(task), np.uint8, mode="r+", shape=shape_of(task))
    engine.embed(np.zeros((BATCH, *pixels.shape[1:]), np.uint8))
    output = open_output(task)
    for start, paths in chunks(task, shared):
        found = [decoded(path.read_bytes(), dict(task.preprocessing)) for path in paths]
        pixels[start : start + len(paths)] = np.stack(found)
    shared.gate.wait()
    shared.gate.wait()
    for start, paths in chunks(task, shared):
        end = start + len(paths)
        output[start:end] = engine.embed(pixels[start:end])
    shared.gate.wait()


def shape_of(task: Task) -> tuple[int, int, int, int]:
    """All pictures as one array `(n, height, width, 3)`."""
    height, width = task.preprocessing["input_size"]
    return len(task.names), height, width, 3


def pixels_path(task: Task) -> Path:
    """Where they are."""
    return Path(task.scratch, "pixels.u8")


if __name__ == "__main__":
    main()
