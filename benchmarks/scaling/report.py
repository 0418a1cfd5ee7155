"""Tables of what was measured, a column for each size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.contest import tables
from benchmarks.scaling.measured import MORE, PAGE, SEARCHES, Measured

MEGABYTE = 1e6


def report(found: Sequence[Measured]) -> str:
    """All tables, a column for each size."""
    sizes = [f"{one.n:,}" for one in found]
    return "\n\n".join(
        tables.table((title, *sizes), rows)
        for title, rows in (
            ("ingest", ingest_rows(found)),
            ("CPU-ms/item", cpu_rows(found)),
            ("peak memory of the largest process, MB", memory_rows(found)),
            ("waiting, ms", waiting_rows(found)),
        )
    )


def ingest_rows(found: Sequence[Measured]) -> list[list[str]]:
    """Speed and disk."""
    return [
        ["seconds", *(f"{one.ingest:.1f}" for one in found)],
        ["of these the index", *(f"{one.phases.get('index', 0):.1f}" for one in found)],
        ["items/s", *(f"{one.n / one.ingest:.0f}" for one in found)],
        [f"{MORE:,} more, s", *(f"{one.more:.1f}" for one in found)],
        ["disk, bytes/item", *(f"{one.home_bytes / one.n:.0f}" for one in found)],
        ["of these the catalog", *(f"{one.catalog_bytes / one.n:.0f}" for one in found)],
        ["its log, MB", *(f"{one.log_bytes / MEGABYTE:.0f}" for one in found)],
    ]


def cpu_rows(found: Sequence[Measured]) -> list[list[str]]:
    """Processor time of the ingest by part, the most first."""
    largest = found[-1].cpu
    parts = sorted(largest, key=lambda part: -largest[part])
    rows = [
        [part, *(f"{1000 * one.cpu.get(part, 0.0) / one.n:.2f}" for one in found)]
        for part in parts
        if largest[part] > 0
    ]
    total = ["all", *(f"{1000 * sum(one.cpu.values()) / one.n:.2f}" for one in found)]
    return [total, *rows]


def memory_rows(found: Sequence[Measured]) -> list[list[str]]:
    """Resident by part, and in brackets with shared pages shared out."""
    largest = found[-1].resident
    return [
        [
            part,
            *(
                f"{one.resident.get(part, 0) / MEGABYTE:.0f} "
                f"({one.proportional.get(part, 0) / MEGABYTE:.0f})"
                for one in found
            ),
        ]
        for part in sorted(largest, key=lambda part: -largest[part])
    ]


def waiting_rows(found: Sequence[Measured]) -> list[list[str]]:
    """What a user waits for."""
    waits: Mapping[str, Callable[[Measured], float]] = {
        "first search": lambda one: one.waits.first_search,
        f"search, p50 of {SEARCHES}": lambda one: one.waits.search,
        f"search after {MORE:,} more": lambda one: one.search_after_more,
        f"{PAGE} items at the start": lambda one: one.waits.pages[0],
        "in the middle": lambda one: one.waits.pages[1],
        "at the end": lambda one: one.waits.pages[2],
        "the job": lambda one: one.waits.job,
        "the collection": lambda one: one.waits.collection,
        "restart, until ready": lambda one: one.ready,
        "restart, until a search answers": lambda one: one.search_after_restart,
    }
    return [
        [title, *(f"{1000 * wait(one):.0f}" for one in found)] for title, wait in waits.items()
    ]
