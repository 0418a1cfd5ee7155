"""What embedding took: noted by each shard, told by the job, reckoned with for the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from typing_extensions import TypedDict

from zoo.catalog import Session, features, shards

FEWEST = 8
"""Contents of a shard below which its rate says little about the next one's."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What forwarding `n` contents took; times in seconds, of processors where not of the wall."""

    n: int
    engine: str
    worker: str  # the process
    wall_s: float
    cpu_s: float  # of the worker's child and its sandbox
    decode_s: float  # of the sandbox alone
    forward_s: float  # of the engine alone; on a GPU, how long that was at work
    lanes: int = 0  # sandboxes that decoded beside a GPU; 0: one took turns with the engine


def note_effort(session: Session, shard_id: int, *, space_id: str, effort: Effort) -> None:
    """Keep what a shard took, with its job and for reckoning."""
    shards.set_effort(session, shard_id, asdict(effort))
    if effort.n >= FEWEST:
        features.note_seconds_per_item(session, space_id, effort.wall_s / effort.n)


class Extraction(TypedDict):
    """How fast a job embeds or embedded, by the wall's clock and per image of processors.

    `share_of_limit` is the part of what its worker processes could do if each had a core that
    did nothing but decode and forward; one with a GPU, if that or its sandboxes never paused.
    """

    engine: str
    images_per_s: float
    cpu_ms_per_image: float
    decode_ms_per_image: float
    forward_ms_per_image: float
    share_of_limit: float


def summarise(efforts: Sequence[Effort], *, elapsed_s: float) -> Extraction | None:
    """What the shards of a job took in all; None if they forwarded nothing."""
    n = sum(one.n for one in efforts)
    if not n:
        return None
    rate = n / max(elapsed_s, 1e-3)
    decode_s = sum(one.decode_s for one in efforts) / n
    forward_s = sum(one.forward_s for one in efforts) / n
    lanes = {one.worker: one.lanes for one in efforts}
    limit = sum(_limit(count, decode_s, forward_s) for count in lanes.values())
    return Extraction(
        engine=" and ".join(sorted({one.engine for one in efforts})),
        images_per_s=round(rate, 1),
        cpu_ms_per_image=round(1000 * sum(one.cpu_s for one in efforts) / n, 2),
        decode_ms_per_image=round(1000 * decode_s, 2),
        forward_ms_per_image=round(1000 * forward_s, 2),
        share_of_limit=round(rate / limit, 3),
    )


def _limit(lanes: int, decode_s: float, forward_s: float) -> float:
    """Images a second of one worker process at the most."""
    busy_s = max(decode_s / lanes, forward_s) if lanes else decode_s + forward_s
    return 1 / max(busy_s, 1e-6)


def efforts_of(session: Session, job_ids: Iterable[str]) -> dict[str, list[Effort]]:
    """What the shards of each job took, added up by engine and process."""
    found: dict[str, list[Effort]] = {}
    for job_id, fields in shards.list_efforts(session, job_ids):
        found.setdefault(job_id, []).append(Effort(**fields))
    return found
