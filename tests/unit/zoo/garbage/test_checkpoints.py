"""What a failed job's training had come to is kept for a retry, and no longer."""

from tests.stock import Stock
from tests.unit.zoo.garbage.conftest import Collect
from zoo.catalog import Catalog, jobs, shards
from zoo.storage.blobs import BlobStore


def test_what_training_had_come_to_stays_while_a_retry_may_go_on_from_it(
    stock: Stock, run: Collect, catalog: Catalog, blobs: BlobStore
) -> None:
    values = {"type": "fine_tune", "spec": {}, "final_kind": "train", "phase": "x"}
    checkpoint = {"key": "checkpoints/job/1", "sha256": "0" * 64}
    stock.blobs.put_bytes("checkpoints/job/1", b"tensors")
    with catalog.write() as session:
        jobs.add_job(session, "job", values={**values, "work": {}})
        shards.add_shard(session, "job", "train", arguments={"checkpoint": checkpoint})
        jobs.end_job(session, "job", state="failed")
    run(hours=0.5)
    kept = [list(blobs.keys("checkpoints/"))]
    with catalog.write() as session:
        work = {"kept": shards.take_arguments(session, "job", "train")}
        jobs.add_job(session, "retry", values={**values, "work": work, "parent_job_id": "job"})
        assert shards.take_arguments(session, "job", "train") == {}
    run(hours=9)
    kept.append(list(blobs.keys("checkpoints/")))
    with catalog.write() as session:
        jobs.end_job(session, "retry", state="failed")  # before its training began
    run(hours=0.5)
    kept.append(list(blobs.keys("checkpoints/")))
    run(hours=9)

    assert kept == [["checkpoints/job/1"]] * 3
    assert list(blobs.keys("checkpoints/")) == []
