from collections.abc import Callable
from dataclasses import replace

import pytest

from zoo.catalog import Catalog, features, inputs, shards, wake_ups
from zoo.catalog.records import InputRecord, JobRecord
from zoo.jobs.intake import (
    Arrival,
    Delivery,
    add_inputs,
    file_size,
    shard_size,
    submit_ingest,
)
from zoo.jobs.specs import IngestSpec
from zoo.settings import DeviceChoice, Settings

Submit = Callable[[int], JobRecord]
GIVEN = InputRecord(
    pk=0,
    position=99,
    name="late.jpg",
    item_id="item_1",
    label=None,
    split=None,
    metadata={},
    sha256="9" * 64,
    state="queued",
    error_code=None,
    error_detail=None,
)
WORK = {"collection_id": 1, "model": "lite.a", "space_id": "space", "dim": 2}


def test_inputs_are_split_so_that_every_core_has_work(settings: Settings) -> None:
    settings = replace(settings, worker_processes=2, shard_items=48)

    sizes = [shard_size(n, settings, seconds_per_item=0.001) for n in (0, 1, 40, 100, 192, 10_000)]

    assert sizes == [8, 8, 10, 25, 48, 48]


@pytest.mark.parametrize(
    ("seconds", "size"), [(0.01, 150), (0.1, 15), (3.0, 8), (0.0001, 256), (None, 50)]
)
def test_a_shard_takes_a_second_or_two(settings: Settings, seconds: float, size: int) -> None:
    settings = replace(settings, worker_processes=2, shard_items=256, seconds_per_item=0.03)

    assert shard_size(100_000, settings, seconds_per_item=seconds) == size


@pytest.mark.parametrize(
    ("n", "seconds", "size"),
    [(100, None, 64), (1000, None, 500), (100_000, None, 3000), (100_000, 0.0001, 4096)],
)
def test_a_gpu_is_given_whole_batches(
    settings: Settings, n: int, seconds: float | None, size: int
) -> None:
    settings = replace(settings, gpu_batch=64)

    assert shard_size(n, settings, seconds_per_item=seconds, queue="gpu") == size


@pytest.mark.parametrize(("device", "queue"), [("cuda", "gpu"), ("cpu", "cpu"), ("auto", "cpu")])
def test_what_forwards_waits_for_a_gpu_where_the_service_has_some(
    catalog: Catalog, submit: Submit, settings: Settings, device: str, queue: str
) -> None:
    settings = replace(settings, device=DeviceChoice(device))
    job = submit(0)
    with catalog.write() as session:
        before = {shard_id for _, shard_id, _ in wake_ups.take_due(session, 100)}
        add_inputs(session, job, [GIVEN], settings=settings)

    with catalog.read() as session:
        rung = wake_ups.take_due(session, 100)
    assert [name for _, shard_id, name in rung if shard_id not in before] == [queue]


@pytest.mark.parametrize(
    ("n", "item_bytes", "seconds", "size"),
    [
        (1000, 100_352, 0.01, 250),  # on all cores
        (100_000, 2048, 0.01, 6000),  # for a minute
        (100_000, 100_352, 0.01, 2551),  # up to 256 MB
        (100_000, 100_352, 0.3, 200),
        (100_000, 2048, None, 2000),
        (3, 2048, 0.01, 8),
        (3, 900_000_000, 0.01, 1),
    ],
)
def test_a_file_of_features_is_bounded_by_time_and_by_bytes(
    settings: Settings, n: int, item_bytes: int, seconds: float | None, size: int
) -> None:
    settings = replace(settings, worker_processes=2, seconds_per_item=0.03)

    assert file_size(n, settings, item_bytes, seconds_per_item=seconds) == size


def test_every_input_belongs_to_exactly_one_shard(catalog: Catalog, submit: Submit) -> None:
    submit(30)
    with catalog.read() as session:
        waiting = [shard_id for _, shard_id, _ in wake_ups.take_due(session, 100)]
        found = [one.name for shard in waiting for one in inputs.queued_inputs(session, shard)]
    assert sorted(found) == sorted(f"{i}.jpg" for i in range(30))


def test_a_delivery_of_refused_files_alone_still_ends(
    catalog: Catalog, settings: Settings
) -> None:
    delivery = Delivery(
        arrivals=[Arrival(name="a", error=("empty_file", "the file is empty"))], packs={}
    )
    with catalog.write() as session:
        job = submit_ingest(
            session, IngestSpec(collection="c"), delivery, work=WORK, settings=settings
        )
        assert shards.has_kind(session, job.id, "index")
        [given] = inputs.list_inputs(session, job.id, after=-1, limit=9, state="failed")
    assert (given.error_code, given.error_detail) == ("empty_file", "the file is empty")


def test_what_is_embedded_already_fills_one_shard(catalog: Catalog, submit: Submit) -> None:
    submit(30)
    with catalog.write() as session:
        earlier = [shard_id for _, shard_id, _ in wake_ups.take_due(session, 100)]
        sha256s = [
            str(one.sha256) for id_ in earlier for one in inputs.queued_inputs(session, id_)
        ]
        segment_id = features.add_segment(
            session, space_id="space", key="segments/a", sha256="0" * 64, n_rows=30, dim=2
        )
        features.add_features(session, space_id="space", segment_id=segment_id, contents=sha256s)
    submit(32)
    with catalog.read() as session:
        waiting = [shard_id for _, shard_id, _ in wake_ups.take_due(session, 100)]
        later = [inputs.queued_inputs(session, id_) for id_ in waiting if id_ not in earlier]
    assert [len(some) for some in later] == [30, 2]
