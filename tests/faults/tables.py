"""Tables of how long things took."""

from collections.abc import Sequence
from statistics import quantiles


def times_table(head: str, times: Sequence[tuple[str, Sequence[float]]]) -> str:
    """A row for each victim of which there are times."""
    lines = [f"| {head}, median | p95 | at most |", "|---|---|---|---|---|"]
    for victim in sorted({one for one, found in times if found}):
        waits = [wait for one, found in times if one == victim for wait in found]
        cuts = quantiles([*waits, *waits[:1]], n=20, method="inclusive")
        figures = " | ".join(f"{one:.2f} s" for one in (cuts[9], cuts[18], max(waits)))
        lines.append(f"| {victim} | {len(waits)} | {figures} |")
    return "\n".join(lines)
