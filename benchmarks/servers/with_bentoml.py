"""BentoML with a worker a core: pictures come as a form's file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bentoml

from benchmarks.contest.task import Task, read_task
from benchmarks.servers.embedding import Embedder

TASK = "BENCHMARK_TASK"
"""The environment variable that tells its workers, which import this module, of the task."""


def given_task() -> Task:
    """The task that the command line named to the first process."""
    sys.argv = [sys.argv[0], os.environ[TASK]]
    return read_task()


@bentoml.service(workers=len(os.sched_getaffinity(0)))
class Embedding:
    """A picture to a vector."""

    def __init__(self) -> None:
        self._embedder = Embedder(given_task())

    @bentoml.api  # type: ignore[untyped-decorator]
    def embed(self, image: Path) -> list[float]:
        """The embedding."""
        return self._embedder.embed(image.read_bytes())


def main() -> None:
    """Serve until told to stop."""
    task = read_task()
    os.environ[TASK] = sys.argv[1]
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    place = ["--host", "127.0.0.1", "--port", str(task.port)]
    command = [
        sys.executable,
        "-m",
        "bentoml",
        "serve",
        "benchmarks.servers.with_bentoml:Embedding",
    ]
    os.execv(sys.executable, [*command, *place])  # noqa: S606  # a literal list


if __name__ == "__main__":
    main()
