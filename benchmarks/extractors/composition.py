"""What somebody who knows the machine would write by hand for this one job, and nothing else.

A process a core with one thread, decoding by Pillow in the process itself, the faster of ONNX
Runtime and OpenVINO in fp32, batches of 2, chunks from a shared counter. No sandbox, no queue, no
database, no HTTP: the upper bound for everything that has those.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest.task import Stopwatch, Task, hand_in, read_task
from benchmarks.extractors.pixels import decoded
from zoo.inference.runtimes import open_graph

BATCH = 2
Output = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What the processes have in common."""

    counter: Synchronized[int]  # the next picture that nobody has taken
    gate: Barrier  # passed once all are ready, and once all are done


def main() -> None:
    """Embed the task's pictures."""
    task = read_task()
    spawning = multiprocessing.get_context("spawn")
    shared = Shared(counter=spawning.Value("q", 0), gate=spawning.Barrier(task.processes + 1))
    create_output(task)
    workers = [spawning.Process(target=work, args=(task, shared)) for _ in range(task.processes)]
    for worker in workers:
        worker.start()
    shared.gate.wait()
    with Stopwatch() as watch:
        shared.gate.wait()
    for worker in workers:
        worker.join()
    packages = (task.engine, "pillow")
    hand_in(task, open_output(task), watch, packages=packages, batch=BATCH)


def work(task: Task, shared: Shared) -> None:
    """One process: take a chunk, decode it, forward it, until there are none."""
    engine = open_graph(task.engine, Path(task.graph), batch=BATCH)
    height, width = task.preprocessing["input_size"]
    engine.embed(np.zeros((BATCH, height, width, 3), np.uint8))
    output = open_output(task)
    shared.gate.wait()
    for start, paths in chunks(task, shared):
        pixels = [decoded(path.read_bytes(), dict(task.preprocessing)) for path in paths]
        output[start : start + len(paths)] = engine.embed(np.stack(pixels))
    shared.gate.wait()


def chunks(task: Task, shared: Shared) -> Iterator[tuple[int, list[Path]]]:
    """Places and files that no other process has taken."""
    paths = task.paths
    while True:
        with shared.counter.get_lock():
            start = shared.counter.value
            shared.counter.value = start + BATCH
        if start >= len(paths):
            return
        yield start, paths[start : start + BATCH]


def create_output(task: Task) -> None:
    """A file for the vectors of all processes."""
    blank = np.zeros((1, *task.preprocessing["input_size"], 3), np.uint8)
    dim = open_graph(task.engine, Path(task.graph), batch=1).embed(blank).shape[1]
    output_path(task).write_bytes(bytes(4 * len(task.names) * dim))


def open_output(task: Task) -> Output:
    """That file as an array `(n, dim)`."""
    return np.memmap(output_path(task), np.float32, mode="r+").reshape(len(task.names), -1)


def output_path(task: Task) -> Path:
    """Where it is."""
    return Path(task.scratch, "vectors.f32")


if __name__ == "__main__":
    main()
