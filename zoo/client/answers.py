"""What the service answers, as frozen values; `body` is the answer as it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]
"""A JSON object as the service answered it."""

FINISHED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A name in the registry."""

    name: str
    kind: str
    body: Json = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """An installed plugin: pending, ready, unavailable or broken, and why."""

    name: str
    distribution: str
    version: str
    state: str
    reason: str
    body: Json = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Collection:
    """A collection and how many items it holds."""

    name: str
    model: str
    items: int


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset and the number of its newest version, 0 while there is none."""

    name: str
    version: int


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is; `eta_s` is None while nobody can know."""

    phase: str
    completed: int
    total: int
    unit: str
    eta_s: float | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it stood when it was asked about."""

    id: str
    type: str
    state: str
    progress: Progress
    result: Json
    error_code: str | None
    error_detail: str | None
    created_at: str
    body: Json = field(repr=False)

    @property
    def is_finished(self) -> bool:
        """Whether it will not change any more."""
        return self.state in FINISHED

    def count(self, name: str) -> int:
        """A number of its result: `embedded`, `reused` or `failed` of an ingest; 0 if absent."""
        return int(self.result.get(name) or 0)


@dataclass(frozen=True, kw_only=True)
class FailedInput:
    """A file that could not be used, and why."""

    name: str
    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Hit:
    """An item that a search found."""

    item_id: str
    name: str
    score: float


@dataclass(frozen=True, kw_only=True)
class SearchAnswer:
    """The nearest items, best first; `took_ms` is the service's own time."""

    hits: tuple[Hit, ...]
    model: str
    took_ms: float
    body: Json = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Label:
    """One answer of a classifier."""

    label: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Classification:
    """Labels of each picture, best first, and the model version that gave them."""

    model: str
    labels: tuple[tuple[Label, ...], ...]


def read_model(body: Json) -> Model:
    """A row of `GET /v1/models`."""
    return Model(name=body["name"], kind=body.get("kind") or "backbone", body=body)


def read_plugin(body: Json) -> Plugin:
    """A row of `GET /v1/plugins`."""
    return Plugin(
        name=body["name"],
        distribution=body.get("distribution") or "",
        version=body.get("version") or "",
        state=body["state"],
        reason=body.get("reason") or "",
        body=body,
    )


def read_collection(body: Json) -> Collection:
    """A collection as answered."""
    return Collection(
        name=body["name"], model=body.get("model") or "", items=body.get("items") or 0
    )


def read_dataset(body: Json) -> Dataset:
    """A dataset as answered."""
    return Dataset(name=body["name"], version=body.get("version") or 0)


def read_job(body: Json) -> Job:
    """A job as answered."""
    error = body.get("error") or {}
    return Job(
        id=body["id"],
        type=body["type"],
        state=body["state"],
        progress=_read_progress(body.get("progress") or {}),
        result=body.get("result") or {},
        error_code=error.get("code"),
        error_detail=error.get("detail"),
        created_at=body.get("created_at") or "",
        body=body,
    )


def read_failed_input(body: Json) -> FailedInput:
    """A row of `GET /v1/jobs/{id}/items?state=failed`."""
    error = body.get("error") or {}
    return FailedInput(
        name=body["name"], code=error.get("code") or "", detail=error.get("detail") or ""
    )


def read_search(body: Json) -> SearchAnswer:
    """A search's answer."""
    hits = tuple(
        Hit(item_id=hit["item_id"], name=hit.get("name") or hit["item_id"], score=hit["score"])
        for hit in body["hits"]
    )
    return SearchAnswer(hits=hits, model=body["model"], took_ms=body["took_ms"], body=body)


def read_classification(body: Json) -> Classification:
    """A classifier's answer."""
    labels = tuple(
        tuple(Label(label=one["label"], probability=one["probability"]) for one in row["labels"])
        for row in body["data"]
    )
    return Classification(model=body["model"], labels=labels)


def _read_progress(body: Json) -> Progress:
    return Progress(
        phase=body.get("phase") or "queued",
        completed=body.get("completed") or 0,
        total=body.get("total") or 0,
        unit=body.get("unit") or "",
        eta_s=body.get("eta_s"),
    )
