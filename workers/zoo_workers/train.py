"""The last shard of a fine-tune job: a head, and a network where asked for, judged and kept."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.catalog import Session, datasets, features, jobs, models
from zoo.catalog.records import DatasetVersionRecord, Example
from zoo.errors import NotFoundError
from zoo.faults import Point, reach
from zoo.features.store import read_vectors
from zoo.jobs.ledger import Claim, fence, finish, succeed
from zoo.jobs.specs import FineTuneSpec, read_fine_tune
from zoo.training.arranging import arrange
from zoo.training.head_only import HeadOnlyResult
from zoo.training.samples import Sample
from zoo_workers.context import Context
from zoo_workers.kept import Kept
from zoo_workers.registering import (
    add_embeddings,
    report_of,
    result_of,
    store,
    strategy_warnings,
    values_of,
)
from zoo_workers.stopping import CancelledWorkError
from zoo_workers.trials import Ground, try_all


def run(context: Context, claim: Claim) -> None:
    """Fit, judge and register one version; a repeated attempt registers no second one."""
    kept = Kept(context, claim)
    try:
        _run(context, claim, kept)
    except CancelledWorkError:
        with context.catalog.write() as session:
            fence(session, claim)
            finish(session, claim)
        kept.clear()


def _run(context: Context, claim: Claim, kept: Kept) -> None:
    spec = read_fine_tune(claim.job.spec)
    version, examples, n_lost = _examples(context, claim, spec)
    ground = _ground(context, claim, spec, examples, kept)
    trials = try_all(ground)
    made = store(ground, trials.chosen)
    reach(context.settings, Point.TRAIN_STORED)
    warnings = [
        *_warnings(trials.chosen.fitted, n_lost),
        *strategy_warnings(trials, is_random=bool(claim.job.work["is_random"])),
    ]
    values = {
        **values_of(ground, trials, made, version),
        "report": report_of(trials, warnings=warnings),
    }
    tuned = trials.chosen.tuned
    with context.catalog.write() as session:
        fence(session, claim)
        registered = models.add_version(session, spec.name, card=_card(claim), values=values)
        name = f"{spec.name}:{registered.version}"
        if tuned is not None:
            add_embeddings(session, ground, tuned, made, model=name)
        jobs.set_warnings(session, claim.job.id, warnings)
        reach(context.settings, Point.TRAIN_REGISTERED)
        succeed(session, claim, {"version": name, **result_of(trials)})
    kept.clear(but=None if tuned is None else tuned.network.key)


def _ground(
    context: Context, claim: Claim, spec: FineTuneSpec, examples: Sequence[Example], kept: Kept
) -> Ground:
    vectors = read_vectors(
        context.catalog,
        context.segments,
        space_id=claim.job.work["space_id"],
        sha256s=[one.sha256 for one in examples],
    )
    arranged = arrange(
        [one.label for one in examples],
        keys=[one.sha256 for one in examples],
        given_splits=[one.split for one in examples],
        seed=spec.seed,
        samples=[Sample(item_id=one.item_id, name=one.name) for one in examples],
    )
    return Ground(
        context=context,
        claim=claim,
        spec=spec,
        arranged=arranged,
        features=vectors[arranged.order],
        sha256s=[examples[place].sha256 for place in arranged.order],
        kept=kept,
    )


def _examples(
    context: Context, claim: Claim, spec: FineTuneSpec
) -> tuple[DatasetVersionRecord, list[Example], int]:
    work = claim.job.work
    with context.catalog.read() as session:
        version = datasets.get_version(session, spec.dataset, int(work["dataset_version"]))
        if version is None:
            raise NotFoundError(
                f"dataset {spec.dataset!r} was deleted before training began",
                code="dataset_deleted",
            )
        listed = datasets.list_examples(session, int(work["dataset_id"]), version=version.version)
        embedded = _embedded(session, str(work["space_id"]), listed)
    return version, embedded, len(listed) - len(embedded)


def _embedded(session: Session, space_id: str, listed: Sequence[Example]) -> list[Example]:
    """Those whose content could be embedded; the job's inputs say why others could not."""
    sha256s = [one.sha256 for one in listed]
    known = features.locate(session, space_id=space_id, sha256s=sha256s).keys()
    return [one for one in listed if one.sha256 in known]


def _card(claim: Claim) -> dict[str, object]:
    return {"backbone": claim.job.work["backbone"], "is_random": claim.job.work["is_random"]}


def _warnings(fitted: HeadOnlyResult, n_lost: int) -> list[str]:
    found = []
    if n_lost:
        found.append(f"{n_lost} examples could not be embedded and were left out")
    if fitted.sizes.moved:
        found.append(
            f"{fitted.sizes.moved} examples have the same bytes as one of another split "
            "and were counted there, so that nothing leaks"
        )
    return found
