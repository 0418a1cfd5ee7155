"""How the training of a network went: the figures of its epochs, or of single steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flask import Blueprint
from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from zoo.catalog import jobs as catalog_jobs
from zoo.catalog.records import EventRecord
from zoo.jobs.ledger import require
from zoo_api.contract import Query, contract
from zoo_api.job_views import Instant, instant
from zoo_api.paging import Page, Paging, decode_cursor, encode_cursor, page_json
from zoo_api.services import services

curves = Blueprint("curves", __name__)


@dataclass(frozen=True, kw_only=True)
class CurvesQuery(Paging):
    """Which figures of a job."""

    of: Literal["epoch", "step"] = "epoch"


@with_config(ConfigDict(extra="allow"))
class Figures(TypedDict):
    """What an epoch, or the steps of one until then, gave."""

    strategy: str
    epoch: int
    train_loss: float
    train_accuracy: float
    rate: float
    created_at: Instant


@curves.get("/v1/jobs/<job_id>/metrics")
@contract(codes={404: ("unknown_job",)})
def list_figures(job_id: str, query: Query[CurvesQuery]) -> Page[Figures]:
    """The figures in order: while the job runs those that there are."""
    after = decode_cursor(query.cursor, 0)
    with services().catalog.read() as session:
        require(session, job_id)
        found = catalog_jobs.events_of_kind(
            session, job_id, query.of, after=after, limit=query.limit + 1
        )
    page = found[: query.limit]
    more = encode_cursor(page[-1].id) if len(found) > query.limit else None
    return page_json([figures_json(one) for one in page], next_cursor=more)


def figures_json(event: EventRecord) -> Figures:
    """The figures that an event tells."""
    told: Figures = {**event.payload, "created_at": instant(event.created_at)}  # type: ignore[typeddict-item]  # as the worker writes it
    return told
