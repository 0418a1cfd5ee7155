"""Whether what many were answered at once can be true: some order of the calls explains it all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise, permutations
from typing import Any

Json = Any  # what an answer holds


class Act(StrEnum):
    """What is asked for."""

    CREATE = "create a collection"
    DELETE = "delete a collection"
    SEND = "send a picture to a collection"
    CANCEL = "cancel a job"
    MOVE = "point an alias at a version"
    DROP = "delete an alias"
    ROLL_BACK = "roll an alias back"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request."""

    act: Act
    name: str  # of the collection, the alias or the job
    version: int = 0
    key: str = ""  # an Idempotency-Key, which a second call may have too


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back for it."""

    status: int
    body: Json


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What may be so after all that was answered."""

    n_made: int = 0  # collections so far: one that is made anew is another
    collections: Mapping[str, int] = field(default_factory=dict)  # name -> which one it is
    jobs: Mapping[str, int] = field(default_factory=dict)  # id -> the collection it is for
    keys: Mapping[str, str] = field(default_factory=dict)  # Idempotency-Key -> job
    named: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    """What an alias has named, oldest first; None: nothing."""

    def moves(self, alias: str) -> list[tuple[int | None, int | None]]:
        """What an alias was moved from and to, newest first."""
        return [*pairwise((None, *self.named.get(alias, ())))][::-1]


def explain(truths: Iterable[Truth], calls: Sequence[tuple[Call, Answer]]) -> list[Truth]:
    """What may be so once calls that were made at once have been answered; empty: nothing can."""
    found: list[Truth] = []
    for truth in truths:
        for order in permutations(calls):
            after = _in_turn(truth, order)
            if after is not None and after not in found:
                found.append(after)
    return found


def _in_turn(truth: Truth, calls: Iterable[tuple[Call, Answer]]) -> Truth | None:
    for call, answer in calls:
        if call.act in (Act.CREATE, Act.DELETE, Act.SEND):
            after = _collection_after(truth, call, answer)
        elif call.act == Act.CANCEL:  # workers decide it too
            after = truth if answer.status in (202, 409) else None
        else:
            after = _alias_after(truth, call, answer)
        if after is None:
            return None
        truth = after
    return truth


def _collection_after(truth: Truth, call: Call, answer: Answer) -> Truth | None:
    known = truth.collections.get(call.name)
    if call.act == Act.SEND:
        return _sent(truth, call, answer, known)
    if call.act == Act.CREATE and answer.status == (201 if known is None else 200):
        number = known or truth.n_made + 1
        return replace(
            truth,
            n_made=max(truth.n_made, number),
            collections={**truth.collections, call.name: number},
        )
    if call.act == Act.DELETE and answer.status == (404 if known is None else 204):
        left = {name: number for name, number in truth.collections.items() if name != call.name}
        return replace(truth, collections=left)
    return None


def _sent(truth: Truth, call: Call, answer: Answer, known: int | None) -> Truth | None:
    if answer.status == 404:
        return truth if known is None else None
    if answer.status != 202:
        return None
    job_id = answer.body["id"]
    if call.key in truth.keys:
        return truth if truth.keys[call.key] == job_id else None
    if known is None or job_id in truth.jobs:
        return None
    keys = {**truth.keys, call.key: job_id} if call.key else truth.keys
    return replace(truth, jobs={**truth.jobs, job_id: known}, keys=keys)


def _alias_after(truth: Truth, call: Call, answer: Answer) -> Truth | None:
    named = truth.named.get(call.name, ())
    now = named[-1] if named else None
    before = named[-2] if len(named) > 1 else None
    if call.act == Act.MOVE:
        expected, after = 200, call.version
    elif now is None:
        expected, after = 404, None
    elif call.act == Act.DROP:
        expected, after = 204, None
    else:
        expected, after = (409, now) if before is None else (200, before)
    if answer.status != expected:
        return None
    if answer.status == 200 and answer.body["version"] != after:
        return None
    if after == now:
        return truth
    return replace(truth, named={**truth.named, call.name: (*named, after)})
