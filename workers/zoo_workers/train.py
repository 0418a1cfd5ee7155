"""The last shard of a fine-tune job: a head, and a network where asked for, judged and kept."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.catalog import Session, datasets, features, jobs, models
from zoo.catalog.examples import count_changes
from zoo.catalog.records import DatasetVersionRecord, Example
from zoo.errors import InvalidError, NotFoundError
from zoo.faults import Point, reach
from zoo.features.store import FloatArray, read_vectors
from zoo.jobs.ledger import Claim, fence, finish, succeed
from zoo.jobs.specs import FineTuneSpec, read_fine_tune
from zoo.jobs.validation import training_warnings
from zoo.training.arranging import Arranged, arrange
from zoo.training.duplicates import NearDuplicates, find_near_duplicates
from zoo.training.findings import of_head
from zoo.training.leaks import leak_warnings
from zoo.training.samples import Sample
from zoo_workers.context import Context
from zoo_workers.familiarity import measure_unfamiliarity
from zoo_workers.kept import Kept
from zoo_workers.knowing import knowledge_warnings
from zoo_workers.lost import LostContentsError, lost_warnings, without_lost
from zoo_workers.registering import (
    add_embeddings,
    ground_digest,
    report_of,
    result_of,
    store,
    strategy_warnings,
    values_of,
)
from zoo_workers.stopping import CancelledWorkError, stop_if_cancelled
from zoo_workers.trials import Ground, try_all


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
    spec = read_fine_tune(claim.job.spec)
    version, examples, n_unembedded = _examples(context, claim, spec)
    vectors = read_vectors(
        context.catalog,
        context.segments,
        space_id=claim.job.work["space_id"],
        sha256s=[one.sha256 for one in examples],
    )
    near = _near_duplicates(context, spec, examples, vectors)
    ground = _ground(context, claim, spec, examples, kept, vectors=vectors, keys=near.keys)
    trials = try_all(ground)
    made = store(ground, trials.chosen)
    reach(context.settings, Point.TRAIN_STORED)
    unfamiliarity = measure_unfamiliarity(
        context, ground.features, space_id=claim.job.work["space_id"]
    )
    warnings = [
        *_unembedded_warnings(claim, n_unembedded),
        *lost_warnings(examples, kept.lost),
        *_dataset_warnings(context, claim, version),
        *_leak_warnings(examples, near),
        *knowledge_warnings(ground),
        *of_head(
            trials.chosen.fitted,
            unfamiliarity=unfamiliarity,
            backbone=claim.job.work["backbone"],
            strategies=[one.plan.strategy for one in trials.tried],
        ),
        *strategy_warnings(trials, is_random=bool(claim.job.work["is_random"])),
    ]
    values = {
        **values_of(ground, trials, made, version),
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
        together = {"groups": near.groups, "contents": near.contents}
        result = {"version": name, **result_of(trials), "near_duplicates": together}
        succeed(session, claim, result)
    kept.clear(but=None if tuned is None else tuned.network.key)


def _ground(
    context: Context,
    claim: Claim,
    spec: FineTuneSpec,
    examples: Sequence[Example],
    kept: Kept,
    *,
    vectors: FloatArray,
    keys: Sequence[str],
) -> Ground:
    arranged = _arranged(spec, examples, keys)
    sha256s = [examples[place].sha256 for place in arranged.order]
    kept.begin(ground_digest(sha256s, arranged))
    arranged = without_lost(arranged, examples, kept.lost)
    return Ground(
        context=context,
        claim=claim,
        spec=spec,
        arranged=arranged,
        features=vectors[arranged.order],
        sha256s=sha256s,
        kept=kept,
    )


def _arranged(spec: FineTuneSpec, examples: Sequence[Example], keys: Sequence[str]) -> Arranged:
    try:
        return arrange(
            [one.label for one in examples],
            keys=keys,
            given_splits=[one.split for one in examples],
            seed=spec.seed,
            samples=[_sample(one) for one in examples],
            shares=spec.splits.by_side,
        )
    except InvalidError as error:
        if len(set(keys)) == len({one.sha256 for one in examples}):
            raise
        raise InvalidError(
            f"{error.detail}; pictures that are nearly the same were counted as one, which "
            "near_duplicates 1 turns off",
            code=error.code,
        ) from error


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
    found = (one for one in listed if one.sha256 in known)
    # In the order of their contents: the same ones, however they came, train the same head.
    return sorted(found, key=lambda one: (one.sha256, one.label))


def _card(claim: Claim) -> dict[str, object]:
    return {"backbone": claim.job.work["backbone"], "is_random": claim.job.work["is_random"]}


def _near_duplicates(
    context: Context, spec: FineTuneSpec, examples: Sequence[Example], vectors: FloatArray
) -> NearDuplicates:
    with context.watchdog.resting():
        return find_near_duplicates(
            vectors,
            keys=[one.sha256 for one in examples],
            labels=[one.label for one in examples],
            above=spec.near_duplicates,
        )


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


def _sample(example: Example) -> Sample:
    return Sample(item_id=example.item_id, name=example.name, metadata=example.metadata)
