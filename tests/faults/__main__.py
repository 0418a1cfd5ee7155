"""What `dev.py soak` runs: kills at random, and a table of them."""

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

from tests.databases import postgres_server
from tests.faults.soaking import POOL, Soak
from tests.faults.topology import season


def main() -> None:
    """Strike, check, and print what was struck; an exception tells what did not hold."""
    parser = argparse.ArgumentParser(prog="dev.py soak")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=float("inf"))
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    asked = parser.parse_args()
    is_postgres = asked.database == "postgres"
    with (
        tempfile.TemporaryDirectory(prefix="zoo-soak-") as folder,
        postgres_server() if is_postgres else contextlib.nullcontext() as server,
    ):
        place = Path(folder)
        seasoned = season(place, server, pool=POOL)
        (place / "soak").mkdir()
        with seasoned.struck(place / "soak") as struck:
            struck.service.start()
            soak = Soak(struck=struck, seed=asked.seed)
            began = time.monotonic()
            soak.run(asked.kills, until=began + asked.hours * 3600)
            struck.checker.check(struck.asked)
            struck.end()
            sys.stdout.write(f"{soak.table()}\n\n{soak.summary()}\n")


if __name__ == "__main__":
    main()
