"""Whether memory grows with the pictures that go through, one lot after the other.

    python benchmarks/memory.py [FOLDER] [--images 30000] [--lot 1000] [--model NAME]

Without a folder the pictures are tiny and made here; with one they are its photographs and altered
copies of them. One batch child forwards them all, each lot into a collection of its own, so that
nothing has a reason to grow. The growth is the slope of a line through what was resident after
each lot, the first third left out.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil

from benchmarks import scale
from benchmarks.contest import tables
from benchmarks.contest.pictures import NoPicturesError, gather
from benchmarks.contest.service import Service, ServiceError, part_of, serving
from benchmarks.contest.task import family
from benchmarks.contest.tiny import write_tars
from zoo.testing import tiny

MEGABYTE = 1e6
PER_IMAGES = 10_000
WARM_UP_SHARE = 1 / 3

Resident = Mapping[str, int]
"""Bytes of memory by part, of all its processes."""


def main() -> None:
    """Measure and print the table."""
    asked = parse(sys.argv[1:])
    print(tables.machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="zoo-memory-", dir=asked.scratch) as name:
        root = Path(name)
        try:
            write = writer(asked, root)
            settings = {**scale.settings_of(root, asked.model), "ZOO_WORKER_PROCESSES": "1"}
            with serving(root / "home", settings=settings) as service:
                found = embed_lots(service, asked, root, write)
        except (NoPicturesError, ServiceError) as error:
            sys.exit(f"memory.py: {error}")
    print(f"{asked.model}, lots of {asked.lot}\n\n{report(found, lot=asked.lot)}")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="whether memory grows with pictures")
    parser.add_argument("folder", type=Path, nargs="?", help="photographs; none: tiny pictures")
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--lot", type=int, default=1000)
    parser.add_argument("--model", default=tiny.MODEL)
    parser.add_argument("--scratch", type=Path, help="where home and pictures are made")
    return parser.parse_args(arguments)


def writer(asked: argparse.Namespace, root: Path) -> scale.Write:
    """What puts a lot into a folder that a source may name."""
    if asked.folder is None:
        return write_tars
    n = asked.images + asked.images % asked.lot
    [photographs] = gather(asked.folder, sizes=(n,), into=root / "photographs")

    def link(into: Path, first: int, n: int) -> None:
        into.mkdir(parents=True)
        for path in photographs.paths[first : first + n]:
            os.link(path, into / path.name)

    return link


def embed_lots(
    service: Service, asked: argparse.Namespace, root: Path, write: scale.Write
) -> list[Resident]:
    """What is resident after each lot."""
    found = []
    kind = scale.Kind(model=asked.model, write=write)
    for number, first in enumerate(range(0, asked.images, asked.lot)):
        folder = root / f"lot-{number}"
        write(folder, first, asked.lot)
        scale.ingest(service, kind, folder, into=f"lot-{number}")
        found.append(resident(service))
        print(first + asked.lot, found[-1], file=sys.stderr, flush=True)
    return found


def resident(service: Service) -> Resident:
    """What each part holds in memory now."""
    parts: dict[str, int] = {}
    for process in family(service.root):
        part = part_of(process)
        try:
            parts[part] = parts.get(part, 0) + process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return parts


def growth(found: Sequence[int], *, lot: int) -> float:
    """Bytes that were added for every `PER_IMAGES` pictures once all was warm."""
    warm = found[int(len(found) * WARM_UP_SHARE) :]
    slope, _ = np.polyfit(np.arange(len(warm)) * lot, warm, 1)
    return float(slope) * PER_IMAGES


def report(found: Sequence[Resident], *, lot: int) -> str:
    """A row for each part that was there all the time."""
    lasting = [part for part in found[-1] if all(part in one for one in found)]
    head = ("part", "first lot, MB", "last, MB", f"growth in {PER_IMAGES:,} pictures, MB")
    rows = []
    for part in sorted(lasting, key=lambda part: -found[-1][part]):
        of_part = [one[part] for one in found]
        figures = (of_part[0], of_part[-1], growth(of_part, lot=lot))
        rows.append((part, *(f"{one / MEGABYTE:.2f}" for one in figures)))
    return tables.table(head, rows)


if __name__ == "__main__":
    main()
