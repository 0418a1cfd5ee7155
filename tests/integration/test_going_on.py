"""Training that stops on the way goes on from where it stood, to the same bits."""

import hashlib
from datetime import timedelta

import pytest
import torch
from sqlalchemy import select, update
from torch import Tensor

from tests.eager import Json
from tests.pictures import zipped
from tests.stripes import FULL, files, spec_of
from tests.turning import end_pauses
from zoo.catalog import models
from zoo.catalog.tables import now
from zoo.catalog.work_tables import Outbox, Shard
from zoo.faults import Point, times_reached
from zoo.jobs import giving
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService
from zoo.training.networks import Network


def weights_of(service: ZooService, version: int) -> tuple[str, str]:
    """The checksums of a version's head and network."""
    with service.context.catalog.read() as session:
        record = models.get_version(session, "m", version)
    assert record is not None
    with service.context.blobs.open(record.weights_key or "") as file:
        assert hashlib.sha256(file.read()).hexdigest() == record.weights_sha256
    return record.sha256, record.weights_sha256 or ""


def test_a_retry_goes_on_from_the_last_checkpoint(
    make_zoo_service: MakeZooService, database_url: str
) -> None:
    service = make_zoo_service(
        checkpoint_every_s=0,
        attempts=1,
        fault=f"{Point.TRAIN_STEPPED}:8:raise",
        database_url=database_url,
    )
    service.client.put("/v1/datasets/d", json={})
    service.add_labelled("d", files(25))
    failed = service.post_json("/v1/jobs", spec_of("d", "m", **FULL, patience=99))
    kept = set(service.context.blobs.keys("checkpoints/"))
    again = service.post_json(f"/v1/jobs/{failed['id']}/retry", {})

    assert (failed["state"], len(kept) > 0) == ("failed", True)
    assert (again["state"], again["result"]["version"]) == ("succeeded", "m:1")
    assert times_reached(service.home, Point.TRAIN_STEPPED) == 8 + 12 - 7
    report = service.get("/v1/models/m/versions/1/report")
    assert [one["epoch"] for one in report["training"]["epochs"]] == [1, 2, 3, 4, 5, 6]
    assert list(service.context.blobs.keys("checkpoints/")) == []


def test_memory_that_runs_out_between_steps_has_the_next_attempt_take_less(
    make_zoo_service: MakeZooService, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    whole = Network.logits

    def logits(network: Network, pixels: Tensor) -> Tensor:
        if len(pixels) > 4 and not torch.is_grad_enabled():
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return whole(network, pixels)

    monkeypatch.setattr(Network, "logits", logits)
    service = make_zoo_service(checkpoint_every_s=0, database_url=database_url)
    service.client.put("/v1/datasets/d", json={})
    service.add_labelled("d", files(25))
    asked = {**FULL, "epochs": 2, "flips": False}
    job = service.post_json("/v1/jobs", spec_of("d", "m", **asked))

    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert len(service.get(f"/v1/jobs/{job['id']}/metrics")["data"]) == 2


PASSED = {Point.TRAIN_STEPPED: 12, Point.TRAIN_KEPT: 18, Point.TRAIN_TUNED: 1}
"""How often a training of six epochs of two steps reaches a point, if it keeps every step."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("database_url", "point", "nth"),
    [
        ("sqlite", Point.TRAIN_STEPPED, 1),
        ("sqlite", Point.TRAIN_STEPPED, 6),
        ("sqlite", Point.TRAIN_KEPT, 1),
        ("sqlite", Point.TRAIN_KEPT, 3),
        ("sqlite", Point.TRAIN_KEPT, 17),
        ("sqlite", Point.TRAIN_TUNED, 1),
        ("postgres", Point.TRAIN_STEPPED, 6),
        ("postgres", Point.TRAIN_KEPT, 3),
        ("postgres", Point.TRAIN_TUNED, 1),
    ],
    indirect=["database_url"],
)
def test_training_that_failed_on_the_way_goes_on_and_gives_the_same_bits(
    make_zoo_service: MakeZooService, database_url: str, point: Point, nth: int
) -> None:
    passed = PASSED[point]
    service = make_zoo_service(
        checkpoint_every_s=0,
        fault=f"{point}:{passed + nth}:raise",
        database_url=database_url,
    )
    service.client.put("/v1/datasets/d", json={})
    service.client.post(
        "/v1/datasets/d/items", data=zipped(files(25)), content_type="application/zip"
    )
    for version in (1, 2):
        job = service.post_json("/v1/jobs", spec_of("d", "m", **FULL, patience=99))
        assert (job["state"], job["result"]["strategy_used"]) == ("succeeded", "full")
        assert job["result"]["version"] == f"m:{version}"
    assert times_reached(service.home, point) > 2 * passed
    assert weights_of(service, 1) == weights_of(service, 2)
    service.close()


def times_claimed(service: ZooService, kind: str) -> list[int]:
    """How often each shard of a kind was taken, in their order."""
    with service.context.catalog.read() as session:
        of_kind = select(Shard.token).where(Shard.kind == kind).order_by(Shard.id)
        return list(session.scalars(of_kind))


def leave_waiting(service: ZooService, spec: Json, *, for_s: float = 60.0) -> Json:
    """Ask for a job that is announced, and that nobody comes for, for so long."""
    with service.held():
        job = service.post_json("/v1/jobs", spec)
    with service.context.catalog.write() as session:
        session.execute(update(Outbox).values(due_at=now() + timedelta(seconds=for_s)))
        session.execute(update(Shard).where(Shard.state == "queued").values(announced_at=now()))
    return job


def go_on(service: ZooService, job_id: str) -> Json:
    """Have a job's shards claimed again after each pause, and no others, until it has ended."""
    own = Outbox.shard_id.in_(select(Shard.id).where(Shard.job_id == job_id))
    while (job := service.get(f"/v1/jobs/{job_id}"))["finished_at"] is None:
        with service.context.catalog.write() as session:
            later = now() + timedelta(minutes=1)
            session.execute(update(Outbox).where(own).values(due_at=now()))
            session.execute(update(Outbox).where(~own).values(due_at=later))
        service.relay()
    return job


@pytest.mark.slow
def test_fitting_heads_gives_way_to_who_waits_and_comes_to_the_same_bits(
    make_zoo_service: MakeZooService, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_zoo_service(checkpoint_every_s=0, database_url=database_url)
    service.client.put("/v1/datasets/d", json={})
    service.add_labelled("d", files(25))
    service.post_json("/v1/jobs", spec_of("d", "m"))
    monkeypatch.setattr(giving, "WAITED_S", 0.0)
    leave_waiting(service, spec_of("d", "other"))
    job = go_on(service, service.post_json("/v1/jobs", spec_of("d", "m"))["id"])

    assert (job["state"], job["attempt"], job["error"]) == ("succeeded", 1, None)
    undisturbed, *given_way = times_claimed(service, "train")
    assert (undisturbed, max(given_way)) == (1, 1 + len(("strength", *range(5), "head")))
    first, second = (service.get(f"/v1/models/m/versions/{version}") for version in (1, 2))
    assert (first["sha256"], first["metrics"]) == (second["sha256"], second["metrics"])
    end_pauses(service.context.catalog)
    service.relay()
    assert list(service.context.blobs.keys("checkpoints/")) == []


@pytest.mark.slow
def test_training_gives_way_to_who_waits_and_comes_to_the_same_bits(
    make_zoo_service: MakeZooService, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_zoo_service(checkpoint_every_s=0, database_url=database_url)
    service.client.put("/v1/datasets/d", json={})
    service.add_labelled("d", files(25))
    service.post_json("/v1/jobs", spec_of("d", "m", **FULL, patience=99))
    waiting = leave_waiting(service, spec_of("d", "other"), for_s=1.0)
    monkeypatch.setattr(giving, "WAITED_S", 0.0)

    job = service.post_json("/v1/jobs", spec_of("d", "m", **FULL, patience=99))
    end_pauses(service.context.catalog)
    service.relay()

    job, waiting = (service.get(f"/v1/jobs/{one['id']}") for one in (job, waiting))
    assert (job["state"], job["attempt"], job["error"]) == ("succeeded", 1, None)
    assert waiting["state"] == "succeeded"
    undisturbed, given_way, *_ = times_claimed(service, "train")
    assert (undisturbed, given_way > 1) == (1, True)
    assert weights_of(service, 1) == weights_of(service, 2)
