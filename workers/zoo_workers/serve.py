"""A worker's parent process: Celery's prefork pool, the beat, and no torch."""

from __future__ import annotations

import gc
import os
import re
import signal
from functools import partial
from typing import Any

from celery import Celery, signals

from zoo.catalog import open_unpooled
from zoo.inference.placement import place_worker
from zoo.jobs.doorbell import make_celery
from zoo.leash import hold_child
from zoo.names import new_id
from zoo.settings import Settings
from zoo_workers.context import ContextOfProcess, make_context
from zoo_workers.presence import WorkerPresence
from zoo_workers.tasks import register

SIGNAL = re.compile(r"signal \d+ \((?P<name>\w+)\)")
"""What Celery says of a child that was killed."""
NICENESS = 10
"""Batch work yields to searches and interactive embedding on a small machine. Who does none of it
does not: a parent that could not beat in time would be given up with all that its children do."""
LOOK_S = 0.2
"""How often to look whether a child has ended. Celery looks when a child's pipe closes, which is
an instant before it can be told that the child ended; and then not again for 5 s."""
GPU_MEMORY = 4
"""How many times the memory of another child one with a GPU may take before it is recycled."""


def serve(settings: Settings, queue: str) -> None:
    """Work for a queue, or several with commas between, until told to stop.

    Raises `StartError` if it is to have a GPU that is not there.
    """
    placement = place_worker(settings, queue)
    worker_id = new_id("worker")
    app = make_celery(settings)
    if placement.is_gpu:
        _make_room(app, settings)
    stalled_s = settings.stalled_s
    make = partial(make_context, settings, worker_id, placement, stalled_s=stalled_s)
    register(app, ContextOfProcess(make))
    presence = WorkerPresence(
        open_unpooled(settings.resolved_database_url),
        worker_id=worker_id,
        queue=queue,
        attempts=settings.attempts,
    )
    receivers = _connect(presence, settings)
    presence.arrive()
    try:
        _run(app, queue, children=1 if placement.is_gpu else settings.cores)
    finally:
        presence.leave()
        del receivers  # signals keep weak references only: these had to live until here


def _connect(presence: WorkerPresence, settings: Settings) -> list[object]:
    """Beat in the pool's own event loop: a thread of its own could hold a lock over a fork."""

    def beat_from_now_on(sender: Any, **_: object) -> None:  # Celery's consumer, untyped
        sender.timer.call_repeatedly(settings.beat_every_s, presence.beat)
        sender.timer.call_repeatedly(LOOK_S, sender.pool.maintain_pool)

    def bury(exception: BaseException, **_: object) -> None:
        presence.bury(cause=_cause_of(exception, settings))

    def hold_on(**_: object) -> None:
        os.nice(NICENESS)
        hold_child()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the watchdog's; Celery had caught it

    def settle(**_: object) -> None:
        """What is there before the first fork stays: Celery looks for garbage before each."""
        gc.freeze()

    def keep_logging(**_: object) -> None:
        """Connected, it keeps Celery from setting up logging of its own."""

    signals.celeryd_after_setup.connect(settle)
    signals.worker_ready.connect(beat_from_now_on)
    signals.task_failure.connect(bury)
    signals.worker_process_init.connect(hold_on)
    signals.setup_logging.connect(keep_logging)
    return [settle, beat_from_now_on, bury, hold_on, keep_logging]


def _cause_of(death: BaseException, settings: Settings) -> str:
    found = SIGNAL.search(str(death))
    if found is None:
        return str(death)
    if found["name"] == signal.SIGALRM.name:
        return f"it got nothing done for {settings.stalled_s:g} s"
    is_kill = found["name"] == signal.SIGKILL.name
    return f"{found[0]}, perhaps for want of memory" if is_kill else found[0]


def _make_room(app: Celery, settings: Settings) -> None:
    """For what a child with a GPU has: gigabytes of libraries, and what was compiled for it."""
    app.conf.worker_max_memory_per_child = GPU_MEMORY * settings.worker_memory_mb * 1024
    compiled = settings.home / "compiled"
    compiled.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(compiled))
    os.environ.setdefault("TRITON_CACHE_DIR", str(compiled / "triton"))


def _run(app: Celery, queue: str, *, children: int) -> None:
    app.worker_main(
        [
            "--quiet",  # no banner
            "worker",
            f"--queues={queue}",
            "--pool=prefork",
            f"--concurrency={children}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=WARNING",
        ]
    )
