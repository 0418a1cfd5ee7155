"""Pieces of Markdown that stay what they are whatever stands in names and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

ACTIVE = re.compile(
    r"[\\`*_{}\[\]<>()#!|~&$@]|(?i:(?<=http):|(?<=https):|(?<=ftp):|(?<=www)\.)|^[-+=]"
)
"""What would be markup, a link without markup, or the beginning of a list."""

NUMBERED = re.compile(r"^(\d{1,9})\.(?= |$)")

LEAST_SHARE = 0.001
MOST_ROWS = 100


def escape(text: object) -> str:
    """Any text on one line, with nothing in it that Markdown or HTML would act on."""
    printable = "".join(one if one.isprintable() else " " for one in str(text))
    plain = ACTIVE.sub(r"\\\g<0>", " ".join(printable.split()))
    return NUMBERED.sub(r"\1\.", plain)


def bullets(texts: Sequence[str]) -> list[str]:
    """One list of the texts, or nothing."""
    return ["\n".join(f"* {escape(text)}" for text in texts)] if texts else []


def pairs(fields: Mapping[str, object]) -> list[str]:
    """One list of names and what they stand for, or nothing."""
    return bullets([f"{name}: {shown(value)}" for name, value in fields.items()])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """One table, of which a long one shows its first rows; nothing without any."""
    if not rows:
        return []
    lines = [head, ["---"] * len(head), *([escape(cell) for cell in row] for row in rows)]
    written = "\n".join(f"| {' | '.join(line)} |" for line in lines[: MOST_ROWS + 2])
    left = len(rows) - MOST_ROWS
    return [written] if left <= 0 else [written, f"{left} more stand in the report."]


def shown(value: object) -> str:
    """A value as people read it: shares to three digits, intervals as a range."""
    if isinstance(value, float):
        # A rate of 0.0003 is not 0.000.
        return f"{value:.2g}" if 0 < abs(value) < LEAST_SHARE else f"{value:.3f}"
    if value in ([], ()):
        return "none"
    if isinstance(value, list | tuple):
        return (
            " to ".join(map(shown, value)) if _is_interval(value) else ", ".join(map(shown, value))
        )
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(one)}" for name, one in value.items())
    return str(value)


def _is_interval(values: Sequence[object]) -> bool:
    return len(values) == 2 and all(isinstance(one, float) for one in values)
