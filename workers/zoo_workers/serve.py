"""A worker's parent process: Celery's prefork pool, the beat, and no torch."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals

from zoo.catalog import open_unpooled
from zoo.jobs.doorbell import make_celery
from zoo.leash import hold_child
from zoo.names import new_id
from zoo.settings import Settings
from zoo_workers.context import ContextOfProcess, make_context
from zoo_workers.presence import WorkerPresence
from zoo_workers.tasks import register

NICENESS = 10
"""Batch work yields to searches and interactive embedding on a small machine."""


def serve(settings: Settings, queue: str) -> None:
    """Work for a queue until told to stop."""
    os.nice(NICENESS)
    worker_id = new_id("worker")
    app = make_celery(settings)
    register(app, ContextOfProcess(lambda: make_context(settings, worker_id)))
    presence = WorkerPresence(
        open_unpooled(settings.resolved_database_url),
        worker_id=worker_id,
        queue=queue,
        attempts=settings.attempts,
    )
    receivers = _connect(presence, beat_every_s=settings.beat_every_s)
    presence.arrive()
    try:
        _run(app, settings, queue)
    finally:
        presence.leave()
        del receivers  # signals keep weak references only: these had to live until here


def _connect(presence: WorkerPresence, *, beat_every_s: float) -> list[object]:
    """Beat in the pool's own event loop: a thread of its own could hold a lock over a fork."""

    def beat_from_now_on(sender: Any, **_: object) -> None:  # Celery's consumer, untyped
        sender.timer.call_repeatedly(beat_every_s, presence.beat)

    def bury(args: list[int], exception: BaseException, **_: object) -> None:
        presence.bury(args[0], cause=str(exception))

    def hold_on(**_: object) -> None:
        hold_child()

    def keep_logging(**_: object) -> None:
        """Connected, it keeps Celery from setting up logging of its own."""

    signals.worker_ready.connect(beat_from_now_on)
    signals.task_failure.connect(bury)
    signals.worker_process_init.connect(hold_on)
    signals.setup_logging.connect(keep_logging)
    return [beat_from_now_on, bury, hold_on, keep_logging]


def _run(app: Celery, settings: Settings, queue: str) -> None:
    app.worker_main(
        [
            "--quiet",  # no banner
            "worker",
            f"--queues={queue}",
            "--pool=prefork",
            f"--concurrency={settings.cores}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=WARNING",
        ]
    )
