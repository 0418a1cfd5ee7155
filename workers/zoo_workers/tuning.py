"""Trains the network of a backbone on a course's examples; loaded by name, as it needs torch."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from zoo.backbone import RANDOM_WEIGHTS, Tower
from zoo.errors import ContentError
from zoo.faults import Point, reach
from zoo.inference.building import build_model
from zoo.inference.engines.prepared import Prepared
from zoo.inference.faulting import is_short
from zoo.inference.loading import LoadedBackbone, load_backbone
from zoo.inference.models import LoadedModel
from zoo.inference.networks import write_network
from zoo.inference.pipeline import embed_contents
from zoo.jobs.ledger import Claim
from zoo.jobs.specs import FineTuneSpec
from zoo.predictor import BackboneRef, NetworkRef, to_ref
from zoo.registry.models import resolve_backbone
from zoo.training.flipping import flips_confuse
from zoo.training.freezing import check_unchanged, fingerprints
from zoo.training.heads import Head
from zoo.training.loop import Training
from zoo.training.networks import Material, Network, make_linear
from zoo.training.recipes import Recipe
from zoo.training.states import read_state
from zoo_workers.context import Context
from zoo_workers.courses import Course, make_recipe
from zoo_workers.kept import Kept
from zoo_workers.pacing import Pacing
from zoo_workers.pictures import Pictures, uncropped
from zoo_workers.sparing import run, spare
from zoo_workers.tuned import (
    StoredFile,
    Story,
    Tuned,
    read_vectors,
    write_tuned,
    write_vectors,
)
from zoo_workers.watching import JobWatch

MOST_JUDGED = 1000
"""Validation pictures that are forwarded after each epoch."""
FOR_VALIDATION = 0.2
"""The share of the scratch file's room for pictures that are judged by."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """A course with all that doing it takes."""

    context: Context
    claim: Claim
    course: Course
    spec: FineTuneSpec
    kept: Kept
    watch: JobWatch
    pictures: Pictures
    ref: BackboneRef  # of the network that is trained


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What is left of training when its memory is given back."""

    network: StoredFile
    head: Head
    story: Story  # until then


def tune(
    context: Context, claim: Claim, course: Course, spec: FineTuneSpec, *, kept: Kept
) -> Tuned:
    """Train, embed all examples with what came of it, and keep both as files of record.

    Goes on from the shard's checkpoint. Raises `CancelledWorkError` when the job is to stop, and
    `LostContentsError` when pictures that could be read before cannot be.
    """
    torch.set_num_threads(1)  # two in two processes on two cores spin against each other
    watch = JobWatch(context, claim, kept, course)
    work = Work(
        context=context,
        claim=claim,
        course=course,
        spec=spec,
        kept=kept,
        watch=watch,
        pictures=Pictures(context, course.sha256s, lost=course.lost, look=watch.look),
        ref=_ref(context, claim),
    )
    with kept.spool() as folder:
        trained = _trained(work, folder)  # another network is loaded now: this leaves none
    kept.keep_network(course.strategy, trained.network)  # at once: what nothing names is garbage
    watch.trained()
    tuned = _embedded(work, trained)
    stored = kept.store("checkpoints", lambda path: write_tuned(path, tuned))
    reach(context.settings, Point.TRAIN_TUNED)
    kept.keep_tuned(course.strategy, stored)
    return tuned


def _ref(context: Context, claim: Claim) -> BackboneRef:
    work = claim.job.work
    with context.catalog.read() as session:
        record = resolve_backbone(session, work["model"])
    return to_ref(record, space_id=work["space_id"])


def _load(context: Context, ref: BackboneRef) -> LoadedBackbone:
    """A network of its own: those in the cache are for answering."""
    file = None if ref.network is None else context.blobs.local_path(ref.network.blob_key)
    weights = context.settings.home / "weights"
    loaded = load_backbone(ref, weights_cache=weights, network=file)
    context.watchdog.feed()
    return loaded


def _trained(work: Work, folder: Path) -> Trained:
    """Train to the end; the network is durable, and what was frozen is as it was."""
    base = _load(work.context, work.ref)
    has_flips = _has_flips(work, base, folder)
    if work.course.is_scratch:
        base = _load(work.context, _untrained(work.ref))
    network = _network(base, work.course, device=work.context.placement.device)
    recipe = make_recipe(work.course, work.spec, has_flips=has_flips)
    material = _material(work, base.image_tower, recipe, folder)
    training = Training(network, material, recipe, is_short=is_short)
    before = fingerprints(network.tower.state_dict(), training.frozen)
    _resume(work, training)
    run(training, work.watch, kept=work.kept, strategy=work.course.strategy)
    check_unchanged(network.tower.state_dict(), before)
    tower = replace(base.image_tower, module=network.tower)
    matrix, bias = training.head
    return Trained(
        network=work.kept.store("versions", lambda path: write_network(path, tower)),
        head=Head(matrix=matrix, bias=bias, labels=work.course.labels),
        story=_story(training),
    )


def _story(training: Training) -> Story:
    return Story(
        epochs=tuple(asdict(one) for one in training.history),
        best_epoch=training.best.epoch,
        parameters=training.n_parameters,
        cpu_s=training.cpu_s,
        has_flips=training.recipe.has_flips,
        batch_size=training.micro_batch,
        recipe=asdict(training.recipe),
        has_stuck_statistics=training.has_stuck_statistics,
    )


def _untrained(ref: BackboneRef) -> BackboneRef:
    return replace(ref, weights=RANDOM_WEIGHTS, space_id=None, network=None)


def _network(base: LoadedBackbone, course: Course, *, device: str) -> Network:
    head = None if course.is_scratch else course.head
    prepared = Prepared(base.image_tower, dtype=base.dtype).to(device)
    return Network(
        forward=prepared.to(memory_format=torch.channels_last),
        tower=base.image_tower.module,
        linear=make_linear(base.detail.dim, len(course.labels), head=head).to(device),
        blocks=base.detail.blocks,
        input_size=base.image_tower.preprocessing.input_size,
        device=device,
    )


def _has_flips(work: Work, base: LoadedBackbone, folder: Path) -> bool:
    """Whether pictures are flipped at random, found out once for all strategies of a job."""
    if work.spec.flips is not None:
        return work.spec.flips
    if work.kept.has_flips is None:
        head_course = replace(work.course, plan=replace(work.course.plan, strategy="full"))
        network = _network(base, head_course, device=work.context.placement.device)
        seen = work.pictures.store(
            folder / "flips",
            work.course.validation,
            base.image_tower.preprocessing,
            share=FOR_VALIDATION,
        )
        targets = work.course.targets[work.course.validation]
        work.kept.keep_flips(not flips_confuse(network, seen, targets))
    return bool(work.kept.has_flips)


def _material(work: Work, tower: Tower, recipe: Recipe, folder: Path) -> Material:
    course, plain = work.course, tower.preprocessing
    judged = _some(course.validation)
    is_cut = recipe.augmentation != "none"
    return Material(
        pictures=work.pictures.store(
            folder / "train",
            course.train,
            uncropped(plain) if is_cut else plain,
            share=1 - FOR_VALIDATION,
        ),
        targets=course.targets[course.train],
        validation=work.pictures.store(folder / "validation", judged, plain, share=FOR_VALIDATION),
        validation_targets=course.targets[judged],
        n_classes=len(course.labels),
    )


def _some(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """As many as it takes to tell one epoch from another, evenly from all."""
    if len(places) <= MOST_JUDGED:
        return places
    return places[np.linspace(0, len(places) - 1, MOST_JUDGED).round().astype(np.int64)]


def _resume(work: Work, training: Training) -> None:
    path = work.kept.checkpoint(work.course.strategy)
    if path is not None:
        training.restore(read_state(path))
    spare(training, work.claim, kept=work.kept, strategy=work.course.strategy)


def _embedded(work: Work, trained: Trained) -> Tuned:
    """What the tuned network makes of all examples, on the engine that will answer with it."""
    began = time.process_time()
    model = _model(work, trained.network)
    vectors = _vectors(work, model)
    cpu_s = trained.story.cpu_s + time.process_time() - began
    return Tuned(
        network=trained.network,
        detail=model.detail,
        vectors=vectors,
        head=trained.head,
        story=replace(trained.story, cpu_s=cpu_s),
    )


def _model(work: Work, network: StoredFile) -> LoadedModel:
    named = NetworkRef(version=work.spec.name, blob_key=network.key, sha256=network.sha256)
    context = work.context
    return build_model(
        replace(work.ref, space_id=None, network=named),
        weights=context.settings.home / "weights",
        network=context.blobs.local_path(network.key),
        placement=replace(context.placement, is_compiled=False),
    )


def _vectors(work: Work, model: LoadedModel) -> NDArray[np.float32]:
    """What the network makes of every example, each content once, kept every while.

    Of those that are lost, nothing but zeros.
    """
    course, kept, batch = work.course, work.kept, work.context.placement.batch
    places = _places(course)
    wanted = sorted(places)
    vectors = np.zeros((len(course.sha256s), model.detail.dim), np.float32)
    n_kept = _fill_known(work, vectors, [places[one] for one in wanted])
    pacing = Pacing(work.context.settings.checkpoint_every_s)
    forwarded = embed_contents(
        [(one, partial(work.pictures.original, places[one][0])) for one in wanted[n_kept:]],
        model=model,
        sandbox=work.context.sandbox,
        batch=batch,  # always the same pictures at once: others would be rounded otherwise
    )
    for n_done, (sha256, result) in enumerate(forwarded, start=n_kept + 1):
        work.watch.look()
        if isinstance(result, ContentError):
            raise work.pictures.unreadable(places[sha256][0], result)
        vectors[places[sha256]] = result.vector
        if pacing.is_due and n_done % batch == 0:
            rows = [places[one][0] for one in wanted[n_kept:n_done]]
            with pacing.writing():
                kept.keep_vectors(course.strategy, partial(write_vectors, vectors=vectors[rows]))
            n_kept = n_done
            work.watch.kept_vectors()
    return vectors


def _places(course: Course) -> dict[str, list[int]]:
    """Where each content stands among the examples, but those that are lost."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, sha256 in enumerate(course.sha256s):
        if sha256 not in course.lost:
            found[sha256].append(place)
    return found


def _fill_known(work: Work, vectors: NDArray[np.float32], places: Sequence[Sequence[int]]) -> int:
    """Fill in what a process before this one has kept: the first of all, in whole batches."""
    n_known = 0
    for path in work.kept.vectors(work.course.strategy):
        for vector in read_vectors(path):
            vectors[places[n_known]] = vector
            n_known += 1
    return n_known
