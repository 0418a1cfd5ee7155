"""The last shard of a fine-tune job: a head, and a network where asked for, judged and kept."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.catalog import jobs, models
from zoo.catalog.examples import count_changes
from zoo.catalog.records import DatasetVersionRecord, Example
from zoo.faults import Point, reach
from zoo.jobs.ledger import Claim, fence, finish, succeed
from zoo.jobs.validation import training_warnings
from zoo.training.duplicates import NearDuplicates
from zoo.training.findings import of_head
from zoo.training.leaks import leak_warnings
from zoo_workers.context import Context
from zoo_workers.familiarity import measure_unfamiliarity
from zoo_workers.grounding import Prepared, prepare
from zoo_workers.kept import Kept
from zoo_workers.knowing import knowledge_warnings
from zoo_workers.lost import LostContentsError, lost_warnings
from zoo_workers.registering import (
    add_embeddings,
    report_of,
    result_of,
    store,
    strategy_warnings,
    values_of,
)
from zoo_workers.stopping import CancelledWorkError, stop_if_cancelled
from zoo_workers.trials import Trials, try_all


def run(context: Context, claim: Claim) -> None:
    """Fit, judge and register one version; a repeated attempt registers no second one."""
    kept = Kept(context, claim)
    try:
        while not _is_registered(context, claim, kept):
            continue  # without what is lost
    except CancelledWorkError:
        with context.catalog.write() as session:
            fence(session, claim)
            finish(session, claim)
        kept.clear()


def _is_registered(context: Context, claim: Claim, kept: Kept) -> bool:
    try:
        _register(context, claim, kept)
    except LostContentsError as error:
        kept.keep_lost(error.sha256s)
        return False
    return True


def _register(context: Context, claim: Claim, kept: Kept) -> None:
    prepared = prepare(context, claim, kept)
    ground, spec = prepared.ground, prepared.ground.spec
    trials = try_all(ground)
    made = store(ground, trials.chosen)
    reach(context.settings, Point.TRAIN_STORED)
    unfamiliarity = measure_unfamiliarity(
        context, ground.features, space_id=claim.job.work["space_id"]
    )
    warnings = _warnings(prepared, trials, unfamiliarity=unfamiliarity)
    values = {
        **values_of(ground, trials, made, prepared.version),
        "report": report_of(trials, warnings=warnings, unfamiliarity=unfamiliarity),
    }
    tuned = trials.chosen.tuned
    with context.catalog.write() as session:
        fence(session, claim)
        stop_if_cancelled(session, claim)  # a version that nobody wants any more is none
        registered = models.add_version(session, spec.name, card=_card(claim), values=values)
        name = f"{spec.name}:{registered.version}"
        if tuned is not None:
            add_embeddings(session, ground, tuned, made, model=name)
        jobs.set_warnings(session, claim.job.id, warnings)
        reach(context.settings, Point.TRAIN_REGISTERED)
        near = prepared.near
        together = {"groups": near.groups, "contents": near.contents}
        result = {"version": name, **result_of(trials), "near_duplicates": together}
        succeed(session, claim, result)
    kept.clear(but=None if tuned is None else tuned.network.key)


def _warnings(prepared: Prepared, trials: Trials, *, unfamiliarity: float | None) -> list[str]:
    ground, examples = prepared.ground, prepared.examples
    context, claim = ground.context, ground.claim
    return [
        *_unembedded_warnings(claim, prepared.n_unembedded),
        *lost_warnings(examples, ground.kept.lost),
        *_dataset_warnings(context, claim, prepared.version),
        *_leak_warnings(examples, prepared.near),
        *knowledge_warnings(prepared.knowledge, ground.arranged.splits),
        *of_head(
            trials.chosen.fitted,
            unfamiliarity=unfamiliarity,
            backbone=claim.job.work["backbone"],
            strategies=[one.plan.strategy for one in trials.tried],
        ),
        *strategy_warnings(trials, is_random=bool(claim.job.work["is_random"])),
    ]


def _card(claim: Claim) -> dict[str, object]:
    return {"backbone": claim.job.work["backbone"], "is_random": claim.job.work["is_random"]}


def _unembedded_warnings(claim: Claim, n: int) -> list[str]:
    if not n:
        return []
    return [
        f"{n} examples could not be embedded and were left out; "
        f"GET /v1/jobs/{claim.job.id}/items?state=failed says why"
    ]


def _dataset_warnings(context: Context, claim: Claim, version: DatasetVersionRecord) -> list[str]:
    dataset_id = int(claim.job.work["dataset_id"])
    with context.catalog.read() as session:
        found = training_warnings(session, dataset_id, version)
        n_changes = count_changes(session, dataset_id)
    is_newest = claim.job.spec.get("dataset_version") is None
    if n_changes and is_newest:
        found.append(
            f"{n_changes} changes of dataset {version.dataset!r} are in no version yet; POST "
            f"/v1/datasets/{version.dataset}/versions seals them, then train again"
        )
    return found


def _leak_warnings(examples: Sequence[Example], near: NearDuplicates) -> list[str]:
    return leak_warnings(
        near,
        names=[one.name for one in examples],
        labels=[one.label for one in examples],
        given=[one.split for one in examples],
    )
