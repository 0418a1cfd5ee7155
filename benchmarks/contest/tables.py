"""Figures as Markdown, and the machine that they were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

CPU_LIST = Path("/proc/cpuinfo")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """The date, the cores that this process may use, and how busy they are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    today = datetime.now(UTC).date().isoformat()
    return f"{today}, {cores} cores of {processor()}, load average {load}"


def processor() -> str:
    """The processor's name."""
    if CPU_LIST.exists():
        for line in CPU_LIST.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions(found: Iterable[Mapping[str, str]]) -> str:
    """Packages with their versions, each once."""
    merged = {name: number for one in found for name, number in one.items()}
    return ", ".join(f"{name} {merged[name]}" for name in sorted(merged))
