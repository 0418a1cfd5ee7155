"""LitServe with a worker a core: pictures come as a form's file, as in its documentation."""

from typing import Any

import litserve
from fastapi import Request

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

    def decode_request(self, request: Request) -> bytes:
        """The file's bytes; what is annotated as a request comes as its form."""
        form: Any = request
        content: bytes = form["image"].file.read()
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
