"""LitServe with a worker a core: pictures come as a form's file, as in its documentation."""

from __future__ import annotations

from typing import Any

import litserve

from benchmarks.contest.task import Task, read_task
from benchmarks.servers.embedding import Embedder


class EmbeddingApi(litserve.LitAPI):  # type: ignore[misc]  # untyped
    """A picture to a vector."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._task = task

    def setup(self, device: str) -> None:  # noqa: ARG002  # LitServe names it
        """Load the graph, in each worker."""
        self._embedder = Embedder(self._task)

    def decode_request(self, request: Any) -> bytes:
        """The file's bytes."""
        content: bytes = request["image"].file.read()
        return content

    def predict(self, x: bytes) -> list[float]:
        """The embedding."""
        return self._embedder.embed(x)

    def encode_response(self, output: list[float]) -> dict[str, list[float]]:
        """JSON."""
        return {"embedding": output}


def main() -> None:
    """Serve until told to stop."""
    task = read_task()
    server = litserve.LitServer(
        EmbeddingApi(task), accelerator="cpu", workers_per_device=task.processes
    )
    server.run(host="127.0.0.1", port=task.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
