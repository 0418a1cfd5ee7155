"""The Celery tasks: a shard's id comes in, the database says the rest."""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery

from zoo.jobs.doorbell import RUN_SHARD
from zoo_workers.context import Context
from zoo_workers.shards import run


def register(app: Celery, context: Callable[[], Context]) -> None:
    """Give an application its tasks; `context` is asked in the process that runs them."""

    # Shared tasks go into every other application of the process, with the first one's context.
    @app.task(name=RUN_SHARD, shared=False)
    def run_shard(shard_id: int) -> None:
        run(context(), shard_id)
