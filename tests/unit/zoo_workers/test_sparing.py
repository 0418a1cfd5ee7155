"""A process that was killed for its memory cannot say so; the next one takes less."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.trained import make_training
from tests.workplace import Workplace
from zoo.catalog.work_tables import Shard
from zoo.jobs.ledger import Claim
from zoo.training.loop import Training
from zoo.training.recipes import Recipe
from zoo_workers import sparing
from zoo_workers.kept import Kept
from zoo_workers.sparing import spare


@pytest.fixture
def claim(place: Workplace) -> Claim:
    return place.claim_training()


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return make_training(tmp_path, Recipe(n_trained=3, epochs=1, rate=0.01, batch_size=8))


@pytest.fixture
def vmstat(tmp_path: Path) -> Path:
    """What the system counts."""
    path = tmp_path / "vmstat"
    path.write_text("oom_kill 3")
    return path


def set_attempt(place: Workplace, claim: Claim, attempt: int) -> None:
    with place.context.catalog.write() as session:
        shard = session.get(Shard, claim.shard.id)
        assert shard is not None
        shard.attempt = attempt


def tried(claim: Claim, attempt: int) -> Claim:
    return replace(claim, shard=replace(claim.shard, attempt=attempt))


def test_half_as_many_are_forwarded_after_a_kill_for_memory(
    place: Workplace, claim: Claim, training: Training, vmstat: Path
) -> None:
    kept = Kept(place.context, claim)
    spare(training, claim, kept=kept, strategy="full", vmstat=vmstat)
    spare(training, tried(claim, 1), kept=kept, strategy="full", vmstat=vmstat)
    assert training.micro_batch == 8  # what died was not killed for memory
    for left in (4, 2, 1, 1):
        vmstat.write_text(f"oom_kill {10 - left}")
        spare(training, tried(claim, 1), kept=kept, strategy="full", vmstat=vmstat)
        assert training.micro_batch == left
    assert kept.micro_batch("full") == 1


def test_a_machine_that_is_started_again_each_time_uses_the_attempts_up(
    place: Workplace,
    claim: Claim,
    training: Training,
    vmstat: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = Kept(place.context, claim)
    set_attempt(place, claim, 2)
    for boot in ("first", "second"):
        monkeypatch.setattr(sparing, "boot_id", lambda boot=boot: boot)
        spare(training, tried(claim, 2), kept=kept, strategy="full", vmstat=vmstat)
        assert place.shard(claim.shard.id).attempt == 2
    assert (kept.oom_kills("first"), kept.oom_kills("second")) == (3, 3)
    vmstat.write_text("oom_kill 4")
    spare(training, tried(claim, 2), kept=kept, strategy="full", vmstat=vmstat)
    assert place.shard(claim.shard.id).attempt == 0  # with half as many it may come on


def test_where_nothing_is_counted_the_third_attempt_forwards_fewer(
    place: Workplace, claim: Claim, training: Training, vmstat: Path
) -> None:
    vmstat.unlink()
    kept = Kept(place.context, claim)
    limits = []
    for attempt in (0, 1, 2):
        spare(training, tried(claim, attempt), kept=kept, strategy="full", vmstat=vmstat)
        limits.append(training.micro_batch)
    assert limits == [8, 8, 2]
