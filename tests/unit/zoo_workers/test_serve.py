import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.jobs.doorbell import make_celery
from zoo.settings import Settings
from zoo_workers import serve

HEAVY = ("torch", "torchvision", "timm")


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
