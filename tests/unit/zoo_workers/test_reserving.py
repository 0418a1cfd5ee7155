from collections.abc import Iterator
from dataclasses import replace

import pytest

import zoo_migrations
from tests.workplace import Workplace
from zoo.catalog import Session, contents, features, inputs, shards
from zoo.catalog.records import ContentRecord, InputRecord
from zoo.jobs.ledger import claim, create_job
from zoo.settings import Settings
from zoo_workers.context import make_context
from zoo_workers.reserving import reserve

SPACE = "5" * 64


@pytest.fixture
def place(settings: Settings) -> Iterator[Workplace]:
    """A worker of two processes."""
    zoo_migrations.upgrade(settings.resolved_database_url)
    context = make_context(replace(settings, worker_processes=2), "worker_1")
    yield Workplace(context=context)
    context.catalog.close()


def embed_job(place: Workplace, *, seconds: float | None = 0.1) -> str:
    """A job that embeds into a space where a content was measured to take so long."""
    with place.context.catalog.write() as session:
        features.add_space(session, SPACE, model="m.a.w", dim=2, description={})
        if seconds is not None:
            features.note_seconds_per_item(session, SPACE, seconds)
        work = {"space_id": SPACE}
        return create_job(session, "ingest", {}, work=work, target="collection").id


def add_shard(place: Workplace, job_id: str, sha256s: list[str], *, queue: str = "cpu") -> int:
    with place.context.catalog.write() as session:
        shard_id = shards.add_shard(session, job_id, "embed", arguments={}, queue=queue)
        first = inputs.next_position(session, job_id)
        given = [
            InputRecord(
                pk=0,
                position=position,
                name=f"{position}.jpg",
                item_id=f"item_{position}",
                label=None,
                split=None,
                metadata={},
                sha256=sha256,
                state="queued",
                error_code=None,
                error_detail=None,
            )
            for position, sha256 in enumerate(sha256s, start=first)
        ]
        inputs.add_inputs(session, job_id, given, shard_id=shard_id)
    return shard_id


def add_contents(session: Session, sha256s: list[str]) -> None:
    pack_ids = contents.add_packs(session, {"packs/a": len(sha256s)})
    given = [
        ContentRecord(
            sha256=sha256, pack_key="packs/a", offset=0, size_bytes=1, width=None, height=None
        )
        for sha256 in sha256s
    ]
    contents.add_contents(session, given, pack_ids=pack_ids)


def numbered(n: int) -> list[str]:
    return [f"{number:064x}" for number in range(n)]


def reserved(place: Workplace, shard_id: int) -> list[str | None]:
    """The contents that the next attempt of a shard takes for its own."""
    claimed = claim(place.context.catalog, shard_id, worker_id="worker_1", pid=1)
    assert claimed is not None
    return [one.sha256 for one in reserve(place.context, claimed).inputs]


def queued(place: Workplace, shard_id: int) -> list[str | None]:
    with place.context.catalog.read() as session:
        return [one.sha256 for one in inputs.queued_inputs(session, shard_id)]


def test_the_last_shard_leaves_half_to_whoever_is_done_next(place: Workplace) -> None:
    last = add_shard(place, embed_job(place), numbered(33))

    assert reserved(place, last) == numbered(33)[:17]
    assert queued(place, last + 1) == numbered(33)[17:]
    assert reserved(place, last + 1) == numbered(33)[17:25]
    assert reserved(place, last + 2) == numbered(33)[25:29]
    assert reserved(place, last + 3) == numbered(33)[29:]  # too few to be shared


def test_a_content_that_comes_twice_is_not_parted(place: Workplace) -> None:
    last = add_shard(place, embed_job(place), numbered(16) * 2)

    assert sorted(map(str, reserved(place, last))) == sorted(numbered(8) * 2)


def test_what_is_embedded_already_is_no_work_to_share(place: Workplace) -> None:
    last = add_shard(place, embed_job(place), numbered(16))
    known = numbered(16)[:12]
    with place.context.catalog.write() as session:
        segment = features.add_segment(
            session, space_id=SPACE, key="segments/a", sha256="0", n_rows=12, dim=2
        )
        add_contents(session, known)
        features.add_features(session, space_id=SPACE, segment_id=segment, contents=known)

    assert reserved(place, last) == numbered(16)


@pytest.mark.parametrize("seconds", [None, 0.001], ids=["never measured", "fast"])
def test_what_is_done_in_no_time_is_not_shared(place: Workplace, seconds: float | None) -> None:
    last = add_shard(place, embed_job(place, seconds=seconds), numbered(32))

    assert reserved(place, last) == numbered(32)


def test_nothing_is_shared_while_others_find_work(place: Workplace) -> None:
    job_id = embed_job(place)
    first = add_shard(place, job_id, numbered(32))
    add_shard(place, job_id, ["f" * 64])

    assert reserved(place, first) == numbered(32)


def test_a_gpu_is_given_what_it_was_meant_to_have(place: Workplace) -> None:
    last = add_shard(place, embed_job(place), numbered(32), queue="gpu")

    assert reserved(place, last) == numbered(32)


def test_a_shard_that_was_tried_before_is_tried_as_it_was(place: Workplace) -> None:
    last = add_shard(place, embed_job(place), numbered(32))
    with place.context.catalog.write() as session:
        held = shards.claim_shard(session, last, worker_id="worker_1", pid=1)
        assert held is not None
        shards.requeue_shard(session, held, attempt=1, waits=0, last_error="died")

    assert reserved(place, last) == numbered(32)
