"""`python -m zoo_workers`: a worker for the queue that `ZOO_QUEUE` names, by default `cpu`."""

from __future__ import annotations

import os
import warnings

from celery.exceptions import SecurityWarning

from zoo.leash import hold
from zoo.logs import start
from zoo.settings import load_settings
from zoo_workers.serve import serve


def main() -> None:
    """Run until SIGTERM."""
    hold()
    start("worker")
    # As root in a container Celery warns of pickle, which this application never accepts.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    serve(load_settings(), os.environ.get("ZOO_QUEUE", "cpu"))


if __name__ == "__main__":
    main()
