"""`python -m zoo_workers`: a worker for the queue that `ZOO_QUEUE` names, by default `cpu`."""

from __future__ import annotations

import os
import sys
import warnings

from celery.exceptions import SecurityWarning

from zoo.errors import StartError, UnavailableError
from zoo.leash import hold
from zoo.logs import start
from zoo.settings import load_settings
from zoo_workers.serve import serve

FAILED = 1
CANNOT_START = 2


def main() -> None:
    """Run until SIGTERM."""
    hold()
    start("worker")
    # As root in a container Celery warns of pickle, which this application never accepts.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    try:
        serve(load_settings(), os.environ.get("ZOO_QUEUE", "cpu"))
    except (StartError, UnavailableError) as error:
        sys.stderr.write(f"{error.detail}\n")
        raise SystemExit(CANNOT_START if isinstance(error, StartError) else FAILED) from error


if __name__ == "__main__":
    main()
