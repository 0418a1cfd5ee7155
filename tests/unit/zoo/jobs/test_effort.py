from collections.abc import Callable
from dataclasses import replace

import pytest

from zoo.catalog import Catalog, features, inputs, shards
from zoo.catalog.records import InputRecord, JobRecord
from zoo.jobs.effort import Effort, Extraction, efforts_of, note_effort, summarise
from zoo.jobs.ledger import create_job

Submit = Callable[[int], JobRecord]
SPACE = "5" * 64
EFFORT = Effort(
    n=100, engine="onnxruntime", worker="a:1", wall_s=2, cpu_s=3, decode_s=0.5, forward_s=1.5
)
GIVEN = InputRecord(
    pk=0,
    position=0,
    name="a.jpg",
    item_id="item_1",
    label=None,
    split=None,
    metadata={},
    sha256="0" * 64,
    state="queued",
    error_code=None,
    error_detail=None,
)


@pytest.fixture
def job_id(catalog: Catalog) -> str:
    """A job that embeds into `SPACE`."""
    with catalog.write() as session:
        features.add_space(session, SPACE, model="m.a.w", dim=2, description={})
        work = {"space_id": SPACE}
        return create_job(session, "ingest", {}, work=work, target="collection").id


def work_off(catalog: Catalog, job_id: str, *efforts: Effort) -> None:
    with catalog.write() as session:
        for effort in efforts:
            shard_id = shards.add_shard(session, job_id, "embed", arguments={})
            note_effort(session, shard_id, space_id=SPACE, effort=effort)


def test_a_job_tells_how_fast_it_embedded() -> None:
    efforts = [EFFORT, replace(EFFORT, worker="a:2")]

    assert summarise(efforts, elapsed_s=2.5) == Extraction(
        engine="onnxruntime",
        images_per_s=80.0,
        cpu_ms_per_image=30.0,
        decode_ms_per_image=5.0,
        forward_ms_per_image=15.0,
        share_of_limit=0.8,  # two processes at 20 ms an image could do 100 a second
    )


@pytest.mark.parametrize(
    ("lanes", "limit"),
    [(1, 66.7), (4, 66.7), (0, 50.0)],  # forwarding is what limits a GPU at 15 ms an image
)
def test_a_gpu_forwards_while_its_sandboxes_decode(lanes: int, limit: float) -> None:
    found = summarise([replace(EFFORT, lanes=lanes)], elapsed_s=2.0)

    assert found is not None
    assert found["share_of_limit"] == pytest.approx(50 / limit, abs=0.001)


def test_sandboxes_that_cannot_keep_up_limit_a_gpu() -> None:
    slow = replace(EFFORT, decode_s=8.0, forward_s=1.0, lanes=4)

    found = summarise([slow], elapsed_s=2.5)

    assert found is not None
    assert found["share_of_limit"] == 0.8  # four at 80 ms an image could do 50 a second


def test_a_job_that_changed_its_engine_on_the_way_names_both() -> None:
    found = summarise([EFFORT, replace(EFFORT, engine="eager")], elapsed_s=2.5)

    assert found is not None
    assert found["engine"] == "eager and onnxruntime"


def test_a_job_that_forwarded_nothing_has_nothing_to_tell() -> None:
    assert summarise([], elapsed_s=1) is None


def test_efforts_are_added_up_by_process_and_job(catalog: Catalog, job_id: str) -> None:
    elsewhere = replace(EFFORT, worker="host:2")
    beside = replace(EFFORT, worker="host:2", lanes=3)
    work_off(catalog, job_id, EFFORT, replace(EFFORT, n=3), beside, elsewhere)
    both = replace(
        EFFORT,
        n=EFFORT.n + 3,
        wall_s=2 * EFFORT.wall_s,
        cpu_s=2 * EFFORT.cpu_s,
        decode_s=2 * EFFORT.decode_s,
        forward_s=2 * EFFORT.forward_s,
    )
    with catalog.write() as session:
        other = create_job(session, "ingest", {}, work={}, target="collection").id
        shards.add_shard(session, other, "embed", arguments={})

        assert efforts_of(session, [job_id, other]) == {job_id: [both, elsewhere, beside]}


def test_what_a_content_takes_follows_what_was_measured_of_late(
    catalog: Catalog, job_id: str
) -> None:
    reckoned = []
    for wall_s in (2.0, 4.0, 4.0):
        work_off(catalog, job_id, replace(EFFORT, wall_s=wall_s))
        with catalog.read() as session:
            reckoned.append(features.seconds_per_item(session, SPACE))

    assert reckoned == pytest.approx([0.02, 0.03, 0.035])


def test_a_shard_of_a_few_contents_says_nothing_about_the_next(
    catalog: Catalog, job_id: str
) -> None:
    work_off(catalog, job_id, replace(EFFORT, n=7))

    with catalog.read() as session:
        assert features.seconds_per_item(session, SPACE) is None
        assert efforts_of(session, [job_id]) == {job_id: [replace(EFFORT, n=7)]}


def test_waiting_inputs_are_reckoned_by_their_space(
    catalog: Catalog, job_id: str, submit: Submit
) -> None:
    submit(10)  # into a space that was never measured
    work_off(catalog, job_id, replace(EFFORT, wall_s=200.0))
    with catalog.write() as session:
        shard_id = shards.add_shard(session, job_id, "embed", arguments={})
        inputs.add_inputs(session, job_id, [GIVEN, replace(GIVEN, position=1)], shard_id=shard_id)

    with catalog.read() as session:
        assert inputs.queued_backlog(session, seconds_per_item=0.5) == pytest.approx(10 * 0.5 + 4)
