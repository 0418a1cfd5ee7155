"""Ray Serve with a replica a core: pictures come as the request's body."""

from __future__ import annotations

import asyncio

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.contest.task import Task, read_task
from benchmarks.servers.embedding import Embedder


class Embedding:
    """A picture to a vector."""

    def __init__(self, task: Task) -> None:
        self._embedder = Embedder(task)

    async def __call__(self, request: Request) -> dict[str, list[float]]:
        """The embedding, in a thread, so that the replica's loop goes on."""
        content = await request.body()
        return {"embedding": await asyncio.to_thread(self._embedder.embed, content)}


def main() -> None:
    """Serve until told to stop."""
    task = read_task()
    ray.init(num_cpus=task.processes, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": task.port})
    deployment = serve.deployment(
        Embedding, num_replicas=task.processes, ray_actor_options={"num_cpus": 1}
    )
    serve.run(deployment.bind(task), blocking=True)


if __name__ == "__main__":
    main()
