"""Looks on while a network is trained: keeps states, tells how it goes, and sees when to stop."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from zoo.catalog.jobs import newest_events
from zoo.faults import Point, reach
from zoo.jobs.ledger import Claim
from zoo.training.states import write_state
from zoo_workers.context import Context
from zoo_workers.courses import Course
from zoo_workers.kept import Kept
from zoo_workers.pacing import Pacing
from zoo_workers.stopping import stop_if_cancelled
from zoo_workers.turns import Turn

if TYPE_CHECKING:
    from zoo.training.loop import Training

LOOK_S = 1.0
"""How often to look whether the job is being cancelled."""
TELL_S = 2.0
"""How often to tell of steps; an epoch is always told of."""


class JobWatch:
    """The watch of one strategy's training."""

    def __init__(self, context: Context, claim: Claim, kept: Kept, course: Course) -> None:
        self._context = context
        self._claim = claim
        self._kept = kept
        self._course = course
        self._looked = self._told = self._began = self._came = time.monotonic()
        self._turn = Turn(context, claim)
        self._pacing = Pacing(context.settings.checkpoint_every_s)
        # Steps that were done after this process's first: that reads pictures and warms up.
        self._n_before: int | None = None
        self._n_told = 0  # epochs that another process told of, and this one does again

    def look(self) -> None:
        """Say that something was done; raises `CancelledWorkError` if the job is to stop."""
        self._context.watchdog.feed()
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        with self._context.catalog.read() as session:
            stop_if_cancelled(session, self._claim)

    def stepped(self, training: Training) -> None:
        """After each step; raises `GivenWayError` if it is other jobs' turn."""
        if self._n_before is None:
            self._begin(training)
            self._tell(training)
        reach(self._context.settings, Point.TRAIN_STEPPED)
        self.look()
        if self._pacing.is_due:
            self._keep(training, [("step", self._step_json(training))])
        elif time.monotonic() - self._told >= TELL_S:
            self._tell(training)

    def ended_epoch(self, training: Training) -> None:
        """After each epoch: it is told of once, and the state after it kept if that is cheap."""
        if self._n_before is None:
            self._begin(training)
        is_new = training.position.epoch > self._n_told
        events = [("epoch", self._epoch_json(training))] if is_new else []
        if self._pacing.is_cheap:
            self._keep(training, events)
        elif events:
            self._kept.tell(events)
        self.look()

    def trained(self) -> None:
        """Training is over, and embedding begins.

        A process that did no step has found its way back here alone, which helps nobody: its turn
        is as long again at least.
        """
        back_s = time.monotonic() - self._came if self._n_before is None else 0.0
        self._turn = Turn(self._context, self._claim, least_s=back_s)

    def kept_vectors(self) -> None:
        """Some more embeddings are kept; raises `GivenWayError` if it is other jobs' turn."""
        self._turn.end()

    def _begin(self, training: Training) -> None:
        self._n_before, self._began = training.n_done, time.monotonic()
        if self._n_before < 2:
            return
        job_id = self._claim.job.id
        with self._context.catalog.read() as session:
            told = newest_events(session, [job_id], ("epoch",)).get(job_id)
        if told is not None and told["strategy"] == self._course.strategy:
            self._n_told = told["epoch"]

    def _tell(self, training: Training) -> None:
        self._kept.tell([("step", self._step_json(training))])
        self._told = time.monotonic()

    def _keep(self, training: Training, events: list[tuple[str, dict[str, Any]]]) -> None:
        with self._pacing.writing():
            state = training.state()
            self._kept.keep_checkpoint(
                self._course.strategy, lambda path: write_state(path, state), events=events
            )
        self._told = time.monotonic()
        self._turn.end()

    def _step_json(self, training: Training) -> dict[str, Any]:
        at = training.position
        return {
            **self._where(training),
            "epoch": at.epoch + 1,
            "step": at.step,
            "train_loss": at.loss / max(1, at.n_seen),
            "train_accuracy": at.n_right / max(1, at.n_seen),
            "rate": at.rate,
        }

    def _epoch_json(self, training: Training) -> dict[str, Any]:
        figures = asdict(training.history[-1])
        plan = self._course.plan
        blocks = (*plan.frozen, *plan.trained)
        frozen = blocks[: len(blocks) - figures.pop("trained_blocks")]
        return {**self._where(training), **figures, "frozen_blocks": list(frozen)}

    def _where(self, training: Training) -> dict[str, Any]:
        return {
            "strategy": self._course.strategy,
            "completed": training.n_done,
            "total": training.n_steps,
            "eta_s": self._eta_s(training),
        }

    def _eta_s(self, training: Training) -> float | None:
        n_done = training.n_done - (self._n_before or 0)
        n_left = training.n_steps - training.n_done
        if not n_left:
            return 0.0
        return round((time.monotonic() - self._began) / n_done * n_left, 1) if n_done else None
