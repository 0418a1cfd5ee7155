"""A job's events, as they happen (server-sent events) or as a list."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le
from flask import Blueprint, Response, request

from zoo.catalog import inputs
from zoo.catalog import jobs as catalog_jobs
from zoo.catalog.records import EventRecord
from zoo.errors import UnavailableError
from zoo.jobs.ledger import require
from zoo_api.admission import admission
from zoo_api.contract import Answer, Query, contract
from zoo_api.job_views import Event, event_json, progress_json, told_of
from zoo_api.paging import NUMBER, Page, page_json
from zoo_api.reading import Closed
from zoo_api.services import Services, services

events = Blueprint("events", __name__)

POLL_S = 0.5
KEEP_ALIVE_S = 15.0
PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class EventsQuery(Closed):
    """From which event on."""

    after: Annotated[int, Ge(0), Le(2**62)] = 0


@events.get("/v1/jobs/<job_id>/events")
@contract(
    Answer(media=("text/event-stream",), asks=("Last-Event-ID",)),
    Answer(kind=Page[Event]),
    codes={404: ("unknown_job",), 503: ("too_many_streams",)},
)
def follow_job(job_id: str, query: Query[EventsQuery]) -> Response | Page[Event]:
    """Events after `Last-Event-ID` or `after`, until the job ends; as JSON if asked for so."""
    after = _after(query)
    with services().catalog.read() as session:
        require(session, job_id)
        past = catalog_jobs.list_events(session, job_id, after=after, limit=PAGE)
    if request.accept_mimetypes.best == "application/json":
        return page_json([event_json(event) for event in past], next_cursor=None)
    is_let_in = admission()  # before a stream is counted: it may refuse
    streams = services().streams
    if not streams.acquire(blocking=False):
        raise UnavailableError(
            "too many event streams are open already; ask with Accept: application/json",
            code="too_many_streams",
        )
    response = Response(
        _stream(services(), job_id, after, is_let_in), mimetype="text/event-stream"
    )
    response.call_on_close(streams.release)
    response.headers["Cache-Control"] = "no-store"
    return response


def _after(query: EventsQuery) -> int:
    given = request.headers.get("Last-Event-ID", "")
    return int(given) if NUMBER.fullmatch(given) else query.after


def _stream(
    parts: Services, job_id: str, after: int, is_let_in: Callable[[], bool]
) -> Iterator[str]:
    said, progress = time.monotonic(), ""
    while is_let_in():
        with parts.catalog.read() as session:
            job = require(session, job_id)
            found = catalog_jobs.list_events(session, job_id, after=after, limit=PAGE)
            counts = inputs.count_states(session, job.id)
            told = told_of(session, [job]).get(job.id)
            now = json.dumps(progress_json(job, counts, told))
        lines = [*_told(found), *_moved(now, progress)]
        after = found[-1].id if found else after
        progress = now
        if lines or time.monotonic() - said > KEEP_ALIVE_S:
            said = time.monotonic()
            yield "".join(lines) or ": still here\n\n"
        if job.state not in catalog_jobs.LIVE and not found:
            return
        time.sleep(POLL_S)


def _told(found: list[EventRecord]) -> Iterator[str]:
    for event in found:
        yield f"id: {event.id}\nevent: {event.type}\ndata: {json.dumps(event_json(event))}\n\n"


def _moved(now: str, before: str) -> Iterator[str]:
    """Progress has no id: it is a state, not an event to be told again."""
    if now != before:
        yield f"event: progress\ndata: {now}\n\n"
