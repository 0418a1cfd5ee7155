"""The strategies that a job tries, each with the head that its network gets in the end."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from zoo.catalog import shards
from zoo.errors import InvalidError
from zoo.jobs.ledger import Claim
from zoo.jobs.specs import FineTuneSpec
from zoo.jobs.strategies import HEAD_ONLY, StrategyPlan, plan_from_json
from zoo.registry.models import is_own
from zoo.training.arranging import Arranged
from zoo.training.calibration import fit_temperature
from zoo.training.comparing import (
    Candidate,
    choose_best,
    choose_cheapest,
    log_loss_of,
    unjudged,
)
from zoo.training.drift import Drift, measure_drift
from zoo.training.fitting import fit_head
from zoo.training.folds import HeldOut
from zoo.training.head_only import (
    Features,
    HeadOnlyResult,
    fit_arranged,
    held_out_on,
)
from zoo.training.suspects import add_suspects
from zoo_workers.context import Context
from zoo_workers.courses import Course
from zoo_workers.kept import Kept
from zoo_workers.solving import Solving
from zoo_workers.stopping import stop_if_cancelled
from zoo_workers.tuned import Tuned, read_tuned

Tune = Callable[..., Tuned]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """One strategy, what its network gives, and the head on that."""

    plan: StrategyPlan
    fitted: HeadOnlyResult
    candidate: Candidate
    tuned: Tuned | None = None  # None: the network is as it was
    drift: Drift | None = None  # of the tuned network from what it was, on the test side


@dataclass(frozen=True, kw_only=True, eq=False)
class Trials:
    """All that was tried, the cheapest first, and the one to register."""

    asked: str  # the strategy that was asked for, or "compare"
    tried: tuple[Trial, ...]
    chosen: Trial
    left_out: tuple[str, ...] = ()  # sentences on the strategies that came to nothing

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Of all trials, in their order."""
        return tuple(one.candidate for one in self.tried)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """What all trials of a job stand on."""

    context: Context
    claim: Claim
    spec: FineTuneSpec
    arranged: Arranged
    features: Features  # (n, dim), of the network as it is, in the order of the arrangement
    sha256s: Sequence[str]  # likewise
    kept: Kept


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a trial took."""

    cpu_s: float
    parameters: int  # that were trained


def plans_of(claim: Claim) -> tuple[StrategyPlan, ...]:
    """The strategies that a job was asked for; one from before there were others has none."""
    return tuple(plan_from_json(one) for one in claim.job.work.get("plans", ()))


def try_all(ground: Ground) -> Trials:
    """The head, and then each stronger strategy; what is done already is not done again.

    One that was asked for alone has to beat the head on the validation side, one of several to
    differ from the cheaper ones on the test side.
    """
    plans = plans_of(ground.claim)
    stronger = [plan for plan in plans if plan.strategy != HEAD_ONLY]
    head = _head_only(ground, is_alone=not stronger)
    outcomes = [_outcome(ground, plan, l2=head.fitted.l2) for plan in stronger]
    tried = (head, *(one for one in outcomes if isinstance(one, Trial)))
    candidates = [one.candidate for one in tried]
    choose = choose_best if ground.spec.compare is None else choose_cheapest
    chosen = candidates.index(choose(candidates))
    asked = ground.spec.strategy if ground.spec.compare is None else "compare"
    left_out = tuple(one for one in outcomes if isinstance(one, str))
    return Trials(
        asked=asked,
        tried=tried,
        chosen=_suspecting_all(ground, tried[chosen], head=head),
        left_out=left_out,
    )


def _suspecting_all(ground: Ground, chosen: Trial, *, head: Trial) -> Trial:
    """With the suspects of the train side too.

    A tuned network knows those by heart: the head on the network as it was, which was fitted
    without each of them, judges them.
    """
    samples = ground.arranged.samples
    if chosen.tuned is None or not samples:
        return chosen
    trained = {samples[place].item_id for place in ground.arranged.splits.train}
    found = add_suspects(chosen.fitted.suspects, head.fitted.suspects, among=trained)
    return replace(chosen, fitted=replace(chosen.fitted, suspects=found))


def _head_only(ground: Ground, *, is_alone: bool) -> Trial:
    began = time.process_time()
    is_tuned = is_own(str(ground.claim.job.work["backbone"]))
    with ground.context.watchdog.resting():
        fitted = fit_arranged(
            ground.features,
            ground.arranged,
            seed=ground.spec.seed,
            l2=ground.spec.l2,
            # A tuned network may have been trained on the train side, which flatters it there.
            asked=ground.arranged.splits.validation if is_tuned else None,
            once=_solving(ground, HEAD_ONLY),
        )
        cost = Cost(
            cpu_s=time.process_time() - began + _embedding_s(ground),
            parameters=fitted.head.matrix.size + fitted.head.bias.size,
        )
        held_out = None if is_alone else _on_validation(ground, fitted, is_tuned=is_tuned)
        candidate = _candidate(
            ground, ground.features, fitted, held_out=held_out, cost=cost, strategy=HEAD_ONLY
        )
    plan = StrategyPlan(strategy=HEAD_ONLY)
    return Trial(plan=plan, fitted=fitted, candidate=candidate)


def _on_validation(ground: Ground, fitted: HeadOnlyResult, *, is_tuned: bool) -> HeldOut:
    """What calibrated the head of a tuned network already; else it was asked of more."""
    if is_tuned:
        return fitted.held_out
    arranged, seed = ground.arranged, ground.spec.seed
    side = arranged.splits.validation
    once = _solving(ground, "on_validation")
    return held_out_on(side, ground.features, arranged, seed=seed, l2=fitted.l2, once=once)


def _solving(ground: Ground, strategy: str) -> Solving:
    return Solving(ground.context, ground.claim, ground.kept, strategy=strategy)


def _embedding_s(ground: Ground) -> float:
    """What this job's own embedding took: nothing, where all features were there."""
    with ground.context.catalog.read() as session:
        efforts = shards.list_efforts(session, [ground.claim.job.id])
    return sum(float(effort["cpu_s"]) for _, effort in efforts)


def _outcome(ground: Ground, plan: StrategyPlan, *, l2: float) -> Trial | str:
    """The trial, or why there is none: of several compared, one that diverges spoils no other."""
    if ground.spec.compare is None and not len(ground.arranged.splits.validation):
        return unjudged(plan.strategy)
    reason = ground.kept.diverged(plan.strategy)
    if reason is None:
        try:
            return _tuned(ground, plan, l2=l2)
        except InvalidError as error:
            if ground.spec.compare is None or error.code != "training_diverged":
                raise
            reason = error.detail
            ground.kept.keep_diverged(plan.strategy, reason)
    return f"{plan.strategy} was left out of the comparison: {reason}"


def _tuned(ground: Ground, plan: StrategyPlan, *, l2: float) -> Trial:
    """`l2` is that of the head on the network as it is, which training begins with."""
    with ground.context.catalog.read() as session:
        stop_if_cancelled(session, ground.claim)
    path = ground.kept.tuned(plan.strategy)
    tuned = _tune(ground, plan, l2=l2) if path is None else read_tuned(path)
    arranged, began = ground.arranged, time.process_time()
    with ground.context.watchdog.resting():
        fitted = fit_arranged(
            tuned.vectors,
            arranged,
            seed=ground.spec.seed,
            l2=ground.spec.l2,
            # What the network was trained on it knows too well to calibrate by.
            asked=arranged.splits.validation,
            once=_solving(ground, plan.strategy),
        )
        cost = Cost(
            cpu_s=tuned.story.cpu_s + time.process_time() - began,
            parameters=tuned.story.parameters,
        )
        candidate = _candidate(
            ground,
            tuned.vectors,
            fitted,
            held_out=fitted.held_out,
            cost=cost,
            strategy=plan.strategy,
        )
    test = arranged.splits.test
    drift = measure_drift(ground.features[test], tuned.vectors[test])
    return Trial(plan=plan, fitted=fitted, candidate=candidate, tuned=tuned, drift=drift)


def _tune(ground: Ground, plan: StrategyPlan, *, l2: float) -> Tuned:
    # By name: fitting heads needs no torch.
    tune: Tune = importlib.import_module("zoo_workers.tuning").tune
    with ground.context.watchdog.resting():
        course = _course(ground, plan, l2=l2)
    return tune(ground.context, ground.claim, course, ground.spec, kept=ground.kept)


def _course(ground: Ground, plan: StrategyPlan, *, l2: float) -> Course:
    arranged, train = ground.arranged, ground.arranged.splits.train
    return Course(
        plan=plan,
        sha256s=ground.sha256s,
        targets=arranged.targets,
        train=train,
        validation=arranged.splits.validation,
        labels=arranged.classes,
        head=fit_head(
            ground.features[train], arranged.targets[train], labels=arranged.classes, l2=l2
        ),
        lost=ground.kept.lost,
    )


@dataclass(frozen=True, kw_only=True)
class _Validated:
    """What held-out validation pictures say; None where there are none."""

    loss: float | None = None  # of tempered probabilities
    accuracy: float | None = None


def _validated(ground: Ground, held_out: HeldOut) -> _Validated:
    logits, targets = held_out.logits, ground.arranged.targets[held_out.places]
    if not len(targets):
        return _Validated()
    temperature = fit_temperature(logits, targets, method="validation").temperature
    return _Validated(
        loss=log_loss_of(logits / temperature, targets),
        accuracy=float((logits.argmax(axis=1) == targets).mean()),
    )


def _candidate(
    ground: Ground,
    features: Features,
    fitted: HeadOnlyResult,
    *,
    held_out: HeldOut | None,
    cost: Cost,
    strategy: str,
) -> Candidate:
    """`held_out` on the validation side; None where nothing else is tried to compare with."""
    test = ground.arranged.splits.test
    predicted = fitted.head.logits(features[test]).argmax(axis=1)
    validated = _Validated() if held_out is None else _validated(ground, held_out)
    return Candidate(
        strategy=strategy,
        validation_loss=validated.loss,
        validation_accuracy=validated.accuracy,
        accuracy=fitted.evaluation.accuracy,
        accuracy_interval=fitted.evaluation.accuracy_interval,
        is_right=predicted == ground.arranged.targets[test],
        cpu_s=cost.cpu_s,
        trained_parameters=cost.parameters,
    )
