"""What every rival's server does with a picture: the service's pixels and graph, no sandbox."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contest.task import Task
from benchmarks.extractors.pixels import decoded
from zoo.inference.runtimes import open_graph


class Embedder:
    """A graph with its preprocessing, on one thread."""

    def __init__(self, task: Task) -> None:
        self._engine = open_graph(task.engine, Path(task.graph), batch=1)
        self._preprocessing = dict(task.preprocessing)

    def embed(self, content: bytes) -> list[float]:
        """The embedding of a picture."""
        [vector] = self._engine.embed(decoded(content, self._preprocessing)[None])
        floats: list[float] = vector.tolist()
        return floats
