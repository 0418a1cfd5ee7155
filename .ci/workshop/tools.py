"""Programs that only the long tests use and that no Python package brings."""

from __future__ import annotations

import os
import shutil

from workshop.environment import run

COMPOSE = ("docker-compose",)
PLUGIN = ("docker", "compose")
MISSING = """\
docker compose is not installed, and the tests of docker/ will say so;
on Debian and Ubuntu: sudo apt install docker-compose"""


def ensure_compose() -> None:
    """Have `docker compose`: installed if we may do that here, else asked for."""
    if has_compose():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        run(["apt-get", "update"], is_quiet=True)
        run(["apt-get", "install", "--yes", "--no-install-recommends", "docker-compose"])
    if not has_compose():
        print(MISSING, flush=True)


def has_compose() -> bool:
    """Whether it answers, as Docker's plugin or as a program by itself; no engine is needed."""
    return any(
        shutil.which(command[0]) is not None and run([*command, "version"], is_quiet=True) == 0
        for command in (PLUGIN, COMPOSE)
    )
