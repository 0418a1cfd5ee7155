"""What a contestant is given and hands in; runs in environments that hold nothing of ours.

Needs only numpy and psutil, so that each rival can be asked in its own virtual environment.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import psutil
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FloatArray = NDArray[np.float32]
SAMPLE_EVERY_S = 2.0
MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True)
class Task:
    """One contestant's work in one round."""

    model: str  # as the registry names it
    folder: str  # of the pictures, flat
    names: tuple[str, ...]  # of the files, in the order in which vectors are handed in
    network: str  # the image tower, a torch module in a file
    graph: str  # the same network as an ONNX graph: uint8 pixels in, normalising included
    engine: str  # that forwards the graph fastest here: onnxruntime or openvino
    preprocessing: Mapping[str, Any]  # the fields of `zoo.backbone.Preprocessing`
    transform: Mapping[str, Any]  # the same as arguments of timm's `create_transform`
    vectors: str  # where the embeddings go: float32 (n, dim) as .npy
    scratch: str  # an empty folder of the contestant's own
    processes: int = 2  # how many cores there are to use
    archive: str = ""  # the pictures as a zip
    warm_up: tuple[str, ...] = ()  # other pictures, as zips
    port: int = 0  # where a server listens
    batch: int = 32  # pictures a forward, where the contestant leaves that to its user

    @property
    def paths(self) -> list[Path]:
        """The files in order."""
        return [Path(self.folder, name) for name in self.names]


def write_task(task: DataclassInstance, path: Path) -> None:
    """Leave a task for a contestant."""
    path.write_text(json.dumps(asdict(task)))


def read_task() -> Task:
    """The task that the command line names."""
    fields = json.loads(Path(sys.argv[1]).read_text())
    lists = {name: tuple(fields[name]) for name in ("names", "warm_up")}
    return Task(**{**fields, **lists})


class Stopwatch:
    """Wall time, CPU time and memory of a process and all its descendants while it runs.

    `peak_bytes` is the largest sum of their proportional set sizes, sampled.
    """

    def __init__(self, root: psutil.Process | None = None) -> None:
        self._root = root or psutil.Process()
        self._stopped = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self.wall_s = self.cpu_s = 0.0
        self.peak_bytes = 0

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._cpu_at_begin = cpu_s(self._root)
        self._sampler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wall_s = time.monotonic() - self._began
        self.cpu_s = cpu_s(self._root) - self._cpu_at_begin
        self._stopped.set()
        self._sampler.join()

    def _sample(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, memory_bytes(self._root))
            if self._stopped.wait(SAMPLE_EVERY_S):
                return


def family(root: psutil.Process) -> list[psutil.Process]:
    """A process and its living descendants."""
    return [root, *root.children(recursive=True)]


def cpu_s(root: psutil.Process) -> float:
    """User and system time of the family so far, with those who ended and were waited for."""
    return sum(own_cpu_s(one) for one in family(root))


def own_cpu_s(process: psutil.Process) -> float:
    """User and system time of one process and of its children that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + ended)


def memory_bytes(root: psutil.Process) -> int:
    """Memory of the family, each shared page counted once."""
    total = 0
    for one in family(root):
        try:
            total += one.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def hand_in(
    task: Task,
    vectors: FloatArray,
    watch: Stopwatch,
    *,
    packages: tuple[str, ...],
    **notes: object,
) -> None:
    """Write the vectors and print the one line that the contest reads."""
    np.save(task.vectors, np.ascontiguousarray(vectors, np.float32))
    print(finish_line(len(vectors), watch, packages=packages, **notes), flush=True)


def finish_line(n: int, watch: Stopwatch, *, packages: tuple[str, ...], **notes: object) -> str:
    """What a contest reads as the last line of its contestants, who handled `n` pictures."""
    line = {
        "n": n,
        "wall_s": watch.wall_s,
        "cpu_s": watch.cpu_s,
        "peak_mb": watch.peak_bytes / MEGABYTE,
        "versions": {name: version(name) for name in packages},
        "notes": notes,
    }
    return "\n" + json.dumps(line)
