"""Runs contestants, each a process of its own, and reads what they hand in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contest.task import Task, write_task
from benchmarks.contest.tuning import TuningTask

ROOT = Path(__file__).resolve().parents[2]
OURS = ("", "api", "workers", "migrations", "plugins")
NICENESS = 10
"""Of every contestant: what else runs on the machine then takes the same share from each, also
from the service, whose workers are as nice by themselves."""
LIMIT_S = 3600.0
LAST_WORDS = 2000


class ContestantError(Exception):
    """A contestant did not come to its end."""


@dataclass(frozen=True, kw_only=True)
class Finish:
    """What a contestant handed in after one round."""

    n: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    versions: Mapping[str, str]
    notes: Mapping[str, Any]

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.n / self.wall_s

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a picture."""
        return 1000 * self.cpu_s / self.n


def run(module: str, task: Task | TuningTask, *, python: Path) -> Finish:
    """Run a contestant to its end; raises `ContestantError` with its last words."""
    scratch = Path(task.scratch)
    scratch.mkdir(parents=True)
    write_task(task, scratch / "task.json")
    log = scratch / "log.txt"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [str(python), "-m", module, str(scratch / "task.json")],
            cwd=scratch,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            preexec_fn=be_nice,  # nothing here has threads yet
        )
        try:
            output, _ = process.communicate(timeout=LIMIT_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if process.returncode:
        said = log.read_text(errors="replace")[-LAST_WORDS:]
        raise ContestantError(f"{module} ended with {process.returncode}: {said}")
    return Finish(**json.loads(output.strip().splitlines()[-1]))


def be_nice() -> None:
    """Stand back behind what else runs."""
    os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def environment() -> dict[str, str]:
    """This one with one thread a process, our code on the path, and no settings of ours."""
    dropped = "PYTHONDONTWRITEBYTECODE"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ZOO_") and k != dropped}
    paths = [str(ROOT / name) for name in OURS]
    given = [path for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path]
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {
        **kept,
        **dict.fromkeys(threads, "1"),
        "PYTHONPATH": os.pathsep.join([*paths, *(path for path in given if path not in paths)]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "HF_HUB_OFFLINE": "1",
    }
