"""Answering for work that goes on: 202 with the job, idempotency, and waiting a little."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace

import structlog
from flask import Response, current_app, jsonify, request, url_for

from zoo.catalog import Session, jobs
from zoo.catalog.records import JobRecord
from zoo.errors import InvalidError, UnavailableError
from zoo.faults import Point, reach
from zoo.jobs.ledger import require
from zoo_api.codes import ONCE, QUEUED, merge
from zoo_api.contract import Answer
from zoo_api.job_views import Job, job_json
from zoo_api.room import Room
from zoo_api.services import services
from zoo_api.unowned import find_owner

log = structlog.get_logger()

LONGEST_WAIT_S = 60
POLL_S = 0.1
WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,9})(?![0-9])")
LONGEST_KEY = 255
ONCE_ACCEPTED = Answer(
    status=202,
    kind=Job,
    headers=("Location", "Preference-Applied"),
    asks=("Prefer", "Idempotency-Key"),
    codes=ONCE,
)
"""What `once` answers."""
ACCEPTED = replace(ONCE_ACCEPTED, codes=merge(ONCE, QUEUED))
"""What `idempotent` answers."""


def accepted(job: JobRecord) -> Response:
    """202 with the job, after waiting for its end as long as `Prefer: wait=N` asks.

    The preference is not applied while so many wait that others would find no thread.
    """
    log.info("job_accepted", job_id=job.id, type=job.type)
    services().after_commit()
    wanted = WAIT.search(request.headers.get("Prefer", ""))
    wait_s = min(int(wanted[1]), LONGEST_WAIT_S) if wanted else 0
    is_waiting = wanted is not None and services().waits.acquire(blocking=False)
    try:
        body = _await_end(job.id, wait_s=wait_s if is_waiting else 0)
    finally:
        if is_waiting:
            services().waits.release()
    response = jsonify(body)
    response.status_code = 202
    response.headers["Location"] = url_for("jobs.show_job", job_id=job.id)
    if is_waiting:
        response.headers["Preference-Applied"] = f"wait={wait_s}"
    return response


def idempotent(fingerprint: str, submit: Callable[[Session], JobRecord]) -> Response:
    """Submit new work once, as `once` does; 429 if too much waits already."""
    room: Room = current_app.extensions["zoo_room"]
    room.look(services().catalog, services().settings)

    def submit_if_room(session: Session) -> JobRecord:
        room.check(session, services().settings)
        return submit(session)

    return once(fingerprint, submit_if_room)


def once(fingerprint: str, act: Callable[[Session], JobRecord]) -> Response:
    """Act, or with an `Idempotency-Key` that is known answer with the job that it was about.

    422 `idempotency_key_reused` if the key came with another request.
    """
    try:
        return accepted(_done_once(_key(), fingerprint, act))
    except UnavailableError as error:
        if error.code == "database_unavailable":
            find_owner()  # it may have been committed all the same
        raise


def recalled(fingerprint: str) -> Response | None:
    """The answer to a request whose key is known: for who checks much before it submits.

    What the first one was checked against may be gone or down by now. None for a request that is
    new; raises as `once` does.
    """
    key = _key()
    if key is None:
        return None
    with services().catalog.read() as session:
        job = _recalled(session, key, fingerprint)
    return None if job is None else accepted(job)


def is_repeated(session: Session) -> bool:
    """Whether the request's key is known, of who has yet to take in what it is the key of."""
    key = _key()
    return key is not None and jobs.recall_key(session, key) is not None


def _key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise InvalidError(
            f"an Idempotency-Key has 1 to {LONGEST_KEY} characters, this one has {len(key)}",
            code="invalid_idempotency_key",
        )
    return key


def _done_once(
    key: str | None, fingerprint: str, act: Callable[[Session], JobRecord]
) -> JobRecord:
    def once(session: Session) -> tuple[JobRecord, bool]:
        known = _recalled(session, key, fingerprint) if key else None
        if known is not None:
            return known, False
        job = act(session)
        if key:
            jobs.remember_key(session, key, fingerprint=fingerprint, job_id=job.id)
        reach(services().settings, Point.SUBMIT_WRITTEN)
        return job, True

    job, is_new = services().catalog.transact(once)
    if is_new:
        find_owner()
        reach(services().settings, Point.SUBMIT_COMMITTED)
    return job


def _recalled(session: Session, key: str, fingerprint: str) -> JobRecord | None:
    found = jobs.recall_key(session, key)
    if found is None:
        return None
    if found[0] != fingerprint:
        raise InvalidError(
            f"Idempotency-Key {key!r} came with another request before; use a new one",
            code="idempotency_key_reused",
        )
    return require(session, found[1])


def _await_end(job_id: str, *, wait_s: int) -> Job:
    deadline = time.monotonic() + wait_s
    while True:
        with services().catalog.read() as session:
            job = require(session, job_id)
            if job.state not in jobs.LIVE or time.monotonic() >= deadline:
                return job_json(session, job)
        time.sleep(POLL_S)
