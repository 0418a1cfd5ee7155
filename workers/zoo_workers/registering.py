"""Makes a version of what a fine-tune job chose: its files, its row, and the job's result."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from zoo.catalog import Session, contents, features
from zoo.catalog.records import DatasetVersionRecord
from zoo.jobs.strategies import HEAD_ONLY, SCRATCH
from zoo.predictor import detail_to_json
from zoo.storage.blobs import file_sha256
from zoo.storage.segments import WrittenSegment, write_segment
from zoo.training.arranging import Arranged
from zoo.training.comparing import transfer_note, unjudged, verdict
from zoo.training.heads import write_head
from zoo.training.known import pack_contents
from zoo.training.reports import report_json
from zoo_workers.trials import Ground, Trial, Trials
from zoo_workers.tuned import StoredFile, Tuned


@dataclass(frozen=True, kw_only=True)
class Made:
    """The durable files of a version to be."""

    head: StoredFile
    space_id: str  # that the head reads
    segment: WrittenSegment | None  # the embeddings of a tuned network


def store(ground: Ground, chosen: Trial) -> Made:
    """Make all files of the version durable; that of the network is already."""
    claim, tuned = ground.claim, chosen.tuned
    space_id = claim.job.work["space_id"] if tuned is None else tuned.detail.space.space_id
    return Made(
        head=_store_head(ground, chosen, space_id=space_id),
        space_id=space_id,
        segment=None if tuned is None else _store_vectors(ground, tuned),
    )


def _store_head(ground: Ground, chosen: Trial, *, space_id: str) -> StoredFile:
    context, claim = ground.context, ground.claim
    about = {
        "model": ground.spec.name,
        "backbone": str(claim.job.work["backbone"]),
        "space_id": space_id,
    }
    spool = context.settings.home / "tmp"
    spool.mkdir(exist_ok=True)
    with NamedTemporaryFile(dir=spool, suffix=".safetensors", delete=False) as file:
        path = Path(file.name)
    write_head(path, chosen.fitted.head, about)
    sha256, size_bytes = file_sha256(path), path.stat().st_size
    # Training gives the same bytes again: a name that comes twice may be on its way out.
    key = f"versions/{sha256}-{claim.shard.id}-{claim.shard.token}.safetensors"
    context.blobs.put(key, path)
    return StoredFile(key=key, sha256=sha256, size_bytes=size_bytes)


def _store_vectors(ground: Ground, tuned: Tuned) -> WrittenSegment | None:
    """What the tuned network made of the examples: nobody has to forward them again."""
    wanted = firsts_of(ground)
    with ground.context.catalog.read() as session:
        space_id = tuned.detail.space.space_id
        known = features.locate(session, space_id=space_id, sha256s=wanted)
    if len(known) == len(wanted):
        return None  # the same training gave the same network before
    return write_segment(ground.context.blobs, tuned.vectors[list(wanted.values())])


def firsts_of(ground: Ground) -> dict[str, int]:
    """The first place of each content that could be embedded anew."""
    lost = ground.kept.lost
    placed = reversed(list(enumerate(ground.sha256s)))
    return {sha256: place for place, sha256 in placed if sha256 not in lost}


def values_of(
    ground: Ground, trials: Trials, made: Made, version: DatasetVersionRecord
) -> dict[str, Any]:
    """The version's row, but what its report says."""
    chosen, work = trials.chosen, ground.claim.job.work
    tuned = chosen.tuned
    own_network = (
        {}
        if tuned is None
        else {
            "weights_key": tuned.network.key,
            "weights_sha256": tuned.network.sha256,
            "weights_size_bytes": tuned.network.size_bytes,
            "detail": detail_to_json(tuned.detail),
            "trained_on": pack_contents(
                ground.sha256s[place] for place in ground.arranged.splits.train
            ),
        }
    )
    return {
        "backbone": work["backbone"],
        "space_id": made.space_id,
        "blob_key": made.head.key,
        "sha256": made.head.sha256,
        "size_bytes": made.head.size_bytes,
        "labels": list(chosen.fitted.head.labels),
        "lineage": _lineage(ground, trials, version, space_id=made.space_id),
        "metrics": dict(chosen.fitted.evaluation.metrics_json()),
        "job_id": ground.claim.job.id,
        **own_network,
    }


def _lineage(
    ground: Ground, trials: Trials, version: DatasetVersionRecord, *, space_id: str
) -> dict[str, Any]:
    work, spec, chosen = ground.claim.job.work, ground.spec, trials.chosen
    tuned, is_scratch = chosen.tuned, chosen.plan.strategy == SCRATCH
    # What its backbone was trained on is nothing to a network that began with random weights.
    origin = work.get("untrained") if is_scratch else work.get("parent")
    return {
        "parent": origin or work["backbone"],
        "backbone": work["backbone"],
        "weights_hash": work["weights_hash"] if tuned is None else tuned.detail.weights_hash,
        "parent_weights_hash": None if is_scratch else work["weights_hash"],
        "space_id": space_id,
        "dataset": spec.dataset,
        "dataset_version": version.version,
        "dataset_kind": work.get("dataset_kind"),
        "dataset_digest": version.digest,
        "strategy": chosen.plan.strategy,
        "strategy_asked": trials.asked,
        "trained_blocks": list(chosen.plan.trained),
        "frozen_blocks": list(chosen.plan.frozen),
        "seed": spec.seed,
        "l2": chosen.fitted.l2,
        "splits": asdict(chosen.fitted.sizes),
        "test_digest": judged_digest(ground.sha256s, ground.arranged),
        "shares": asdict(ground.spec.splits),
        "near_duplicates": ground.spec.near_duplicates,
        "job_id": ground.claim.job.id,
    }


def judged_digest(sha256s: Sequence[str], arranged: Arranged) -> str:
    """sha256 over content and label of the examples that a version was judged on.

    Versions of which it is the same can be compared, whatever else they saw. `sha256s` are those
    of the arranged examples, in their order.
    """
    judged = sorted(
        f"{sha256s[place]} {arranged.classes[arranged.targets[place]]}"
        for place in arranged.splits.test
    )
    return hashlib.sha256("\n".join(judged).encode()).hexdigest()


def ground_digest(sha256s: Sequence[str], arranged: Arranged) -> str:
    """sha256 over all that a job is trained and judged on: contents, labels and sides."""
    found = hashlib.sha256("\n".join([*sha256s, *arranged.classes]).encode())
    sides = arranged.splits
    for places in (arranged.targets, sides.train, sides.validation, sides.test):
        found.update(len(places).to_bytes(8) + places.tobytes())
    return found.hexdigest()


def report_of(
    trials: Trials, *, warnings: list[str], unfamiliarity: float | None
) -> dict[str, object]:
    """The version's report: how it was judged, and how it came about."""
    chosen = trials.chosen
    fitted = chosen.fitted
    return report_json(
        fitted.evaluation,
        calibration=fitted.calibration,
        examples=fitted.classes,
        suspects=fitted.suspects,
        unfamiliarity=unfamiliarity,
        training={**_training(chosen), **_comparison(trials)},
        warnings=warnings,
    )


def _training(chosen: Trial) -> dict[str, object]:
    fitted, tuned = chosen.fitted, chosen.tuned
    about: dict[str, object] = {
        "strategy": chosen.plan.strategy,
        "l2": fitted.l2,
        "train_accuracy": fitted.train_accuracy,
        "splits": asdict(fitted.sizes),
    }
    if tuned is None:
        return about
    story = tuned.story
    return {
        **about,
        "trained_blocks": list(chosen.plan.trained),
        "frozen_blocks": list(chosen.plan.frozen),
        "trained_parameters": story.parameters,
        "best_epoch": story.best_epoch,
        "epochs": [dict(one) for one in story.epochs],
        "flips": story.has_flips,
        "recipe": dict(story.recipe),
        "pictures_at_once": story.batch_size,
        "cpu_s": round(story.cpu_s, 2),
        "drift": None if chosen.drift is None else chosen.drift.to_json(),
    }


def _comparison(trials: Trials) -> dict[str, object]:
    if len(trials.tried) < 2:
        return {}
    rows = [one.to_json() for one in trials.candidates]
    return {"comparison": rows, "verdict": verdict_of(trials)}


def verdict_of(trials: Trials) -> str:
    """One sentence on what was chosen, and a second one where training from scratch was tried."""
    if trials.asked != "compare":
        return _against_head(trials)
    note = transfer_note(trials.candidates, scratch=SCRATCH)
    return "; ".join([verdict(trials.candidates), *([note[1]] if note else [])])


def _against_head(trials: Trials) -> str:
    head, other = trials.candidates
    if other.validation_loss is None or head.validation_loss is None:
        return unjudged(other.strategy)
    losses = f"log loss {other.validation_loss:.3f} against {head.validation_loss:.3f}"
    if trials.chosen.plan.strategy == HEAD_ONLY:
        return (
            f"{other.strategy} does not beat the head alone on the validation side ({losses}), so "
            "the head is kept"
        )
    return f"{other.strategy} beats the head alone on the validation side ({losses})"


def result_of(trials: Trials) -> Mapping[str, Any]:
    """The job's result, but the version's name."""
    chosen = trials.chosen
    fitted = chosen.fitted
    return {
        "metrics": fitted.evaluation.metrics_json(),
        "confusion_matrix": fitted.evaluation.confusion_matrix.to_json(),
        "strategy": trials.asked,
        "strategy_used": chosen.plan.strategy,
        "l2": fitted.l2,
        "temperature": fitted.calibration.temperature,
        "train_accuracy": fitted.train_accuracy,
        "splits": asdict(fitted.sizes),
        **_comparison(trials),
    }


def add_embeddings(
    session: Session, ground: Ground, tuned: Tuned, made: Made, *, model: str
) -> None:
    """Have the feature store know what the tuned network makes of the examples."""
    space_id = tuned.detail.space.space_id
    features.add_space(
        session,
        space_id,
        model=model,
        dim=tuned.detail.dim,
        description=asdict(tuned.detail.space),
    )
    sha256s = list(firsts_of(ground))
    held = contents.hold_contents(session, set(sha256s))
    if made.segment is None or len(held) < len(sha256s):
        return  # the dataset was deleted and collected meanwhile: nobody will ask
    segment_id = features.add_segment(
        session,
        space_id=space_id,
        key=made.segment.key,
        sha256=made.segment.sha256,
        n_rows=made.segment.n_rows,
        dim=made.segment.dim,
    )
    features.add_features(session, space_id=space_id, segment_id=segment_id, contents=sha256s)


def strategy_warnings(trials: Trials, *, is_random: bool) -> list[str]:
    """What has to be said of the strategies that were tried, and of weights that know nothing."""
    said = []
    if is_random and trials.chosen.plan.strategy != SCRATCH:
        said.append(
            "the backbone has random weights, so nothing that it was trained on helps here; name "
            "one with pre-trained weights, or train it by the strategy scratch"
        )
    said += trials.left_out
    said += [_stuck_statistics(one) for one in trials.tried if _is_stuck(one)]
    if len(trials.tried) < 2:
        return said
    note = transfer_note(trials.candidates, scratch=SCRATCH)
    said += [note[1]] if note and note[0] else []
    is_head = trials.asked != "compare" and trials.chosen.plan.strategy == HEAD_ONLY
    return [*said, *([_against_head(trials)] if is_head else [])]


def _is_stuck(trial: Trial) -> bool:
    return trial.tuned is not None and trial.tuned.story.has_stuck_statistics


def _stuck_statistics(trial: Trial) -> str:
    return (
        f"the batch statistics of {trial.plan.strategy} stayed as they were, as pictures were "
        "forwarded one at a time and a single one has none; choose a larger batch_size, and where "
        "memory is short for it, a smaller model"
    )
