import gc
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import signals

from tests.workplace import Workplace
from zoo.jobs.doorbell import make_celery
from zoo.settings import Settings
from zoo_workers import serve
from zoo_workers.presence import WorkerPresence

HEAVY = ("torch", "torchvision", "timm")


@pytest.fixture
def _connected(place: Workplace) -> Iterator[None]:
    presence = WorkerPresence(place.context.catalog, worker_id="w", queue="cpu", attempts=2)
    receivers = serve._connect(presence, place.context.settings)
    yield
    del receivers


@pytest.mark.parametrize("module", ["zoo_workers.serve", "zoo.jobs.serve"])
def test_no_parent_process_imports_torch(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_the_child_of_a_gpu_may_take_more_and_keeps_what_was_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"TORCHINDUCTOR_CACHE_DIR": "/where/somebody/wants/it"}
    monkeypatch.setattr(os, "environ", environ)
    app = make_celery(Settings(home=tmp_path, worker_memory_mb=1000))

    serve._make_room(app, Settings(home=tmp_path, worker_memory_mb=1000))

    assert app.conf.worker_max_memory_per_child == 4_096_000
    assert environ == {
        "TORCHINDUCTOR_CACHE_DIR": "/where/somebody/wants/it",
        "TRITON_CACHE_DIR": str(tmp_path / "compiled" / "triton"),
    }
    assert stat.S_IMODE((tmp_path / "compiled").stat().st_mode) == 0o700


@pytest.mark.usefixtures("_connected")
def test_children_are_looked_after_several_times_a_second() -> None:
    repeated: dict[str, float] = {}

    class Consumer:
        """What Celery's has of a timer and a pool."""

        @property
        def timer(self) -> "Consumer":
            return self

        @property
        def pool(self) -> "Consumer":
            return self

        def call_repeatedly(self, every_s: float, act: Callable[[], object]) -> None:
            repeated[act.__name__] = every_s

        def maintain_pool(self) -> None:
            """By itself it looks every 5 s, where it missed the instant."""

    signals.worker_ready.send(sender=Consumer())

    assert repeated == {"beat": 3.0, "maintain_pool": 0.2}


@pytest.mark.usefixtures("_connected")
def test_no_garbage_is_looked_for_at_a_fork_in_what_was_there_before_the_first() -> None:
    try:
        signals.celeryd_after_setup.send(sender="worker@here")
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


@pytest.mark.usefixtures("_connected")
def test_children_yield_to_what_people_wait_for_and_their_parent_does_not() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    child = os.fork()
    if not child:
        signals.worker_process_init.send(sender=None)
        os._exit(os.getpriority(os.PRIO_PROCESS, 0))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == min(19, before + serve.NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
