"""Progress bars of the tour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zoo.client import Client, Job

Tell = Callable[[Job], None]


def wait_for_all(client: Client, jobs: Sequence[Job], *, what: str, out: Console) -> list[Job]:
    """Wait for jobs, with one bar over all their work; they may end well or not."""
    far: dict[str, tuple[int, int]] = {}
    with _bars(out) as bars:
        bar = bars.add_task(what, total=None)

        def tell(job: Job) -> None:
            far[job.id] = (job.progress.completed, job.progress.total)
            completed, total = (sum(column) for column in zip(*far.values(), strict=True))
            bars.update(
                bar, completed=completed, total=total or None, description=_describe(what, job)
            )

        ended = [client.wait(job, on_progress=tell) for job in jobs]
        if not any(total for _, total in far.values()):  # all of it was known: nothing to count
            bars.update(bar, completed=len(jobs), total=len(jobs))
        return ended


def send_all(sending: Iterator[Job], *, what: str, out: Console) -> list[Job]:
    """Send every request of a lazy upload, counting them."""
    with _bars(out) as bars:
        bar = bars.add_task(what, total=None)
        jobs = []
        for job in sending:
            jobs.append(job)
            bars.update(bar, completed=len(jobs))
        bars.update(bar, total=len(jobs))
        return jobs


def _describe(what: str, job: Job) -> str:
    return what if job.is_finished else f"{what} ({job.progress.phase})"


@contextmanager
def _bars(out: Console) -> Iterator[Progress]:
    columns = (
        TextColumn("  {task.description:<24}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=out) as bars:
        yield bars
