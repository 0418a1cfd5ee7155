"""Jobs as the API makes them, and their shards claimed as a worker does."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from zoo.catalog import datasets, inputs, jobs, shards, wake_ups
from zoo.catalog.records import InputRecord, JobRecord, ShardRecord
from zoo.jobs.intake import (
    Arrival,
    ArrivedArchive,
    Delivery,
    submit_describe,
    submit_fine_tune,
    submit_ingest,
    submit_source,
)
from zoo.jobs.ledger import Claim, claim, finish
from zoo.jobs.specs import FineTuneSpec, IngestSpec, SourceSpec
from zoo.storage.packs import open_packs
from zoo_workers import shards as shard_work
from zoo_workers.context import Context


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """One worker's context with jobs to do."""

    context: Context

    def dataset(self, name: str = "pets") -> int:
        with self.context.catalog.write() as session:
            return datasets.create_dataset(session, name).id

    def deliver(self, files: Sequence[tuple[str, str, bytes]]) -> Delivery:
        """Named, labelled files, durable in a pack."""
        context = self.context
        with open_packs(context.catalog, context.blobs, context.settings) as writer:
            arrivals = [
                Arrival(name=name, label=label, sha256=writer.add(content).sha256)
                for name, label, content in files
            ]
            written = writer.commit()
        return Delivery(arrivals=arrivals, packs=written.packs, contents=written.contents)

    def submit(self, dataset_id: int, delivery: Delivery, *, dataset: str = "pets") -> JobRecord:
        with self.context.catalog.write() as session:
            return submit_ingest(
                session,
                IngestSpec(dataset=dataset),
                delivery,
                work={"dataset_id": dataset_id},
                settings=self.context.settings,
            )

    def submit_archive(self, content: bytes) -> JobRecord:
        self.context.blobs.put_bytes("archives/a", content)
        archive = ArrivedArchive(name="all.zip", key="archives/a")
        return self.submit(self.dataset(), Delivery(arrivals=[], packs={}, archives=[archive]))

    def submit_source(self, path: Path, *, copy: bool = False, dataset: str = "pets") -> JobRecord:
        """A job that reads a folder of this machine into a dataset, which is made if need be."""
        with self.context.catalog.write() as session:
            found = datasets.get_dataset(session, dataset) or datasets.create_dataset(
                session, dataset
            )
            source = SourceSpec(path=str(path), copy=copy)
            spec = IngestSpec(dataset=dataset, source=source)
            return submit_source(session, spec, work={"dataset_id": found.id})

    def submit_describe(self, plugin: str) -> JobRecord:
        with self.context.catalog.write() as session:
            return submit_describe(session, plugin)

    def next_shard(self) -> ShardRecord:
        """The oldest shard that waits."""
        with self.context.catalog.write() as session:
            waiting = wake_ups.take_due(session, 1)
            wake_ups.clear(session, waiting)
            found = shards.get_shard(session, waiting[0][1])
        assert found is not None
        return found

    def work(self) -> None:
        """Do what waits, and what comes of it."""
        while self._is_waiting():
            shard_work.run(self.context, self.next_shard().id)

    def _is_waiting(self) -> bool:
        with self.context.catalog.read() as session:
            return bool(wake_ups.take_due(session, 1))

    def claim(self, *, worker_id: str = "worker_1", pid: int | None = None) -> Claim:
        """The claim of the oldest shard that waits."""
        found = claim(
            self.context.catalog,
            self.next_shard().id,
            worker_id=worker_id,
            pid=pid or os.getpid(),
        )
        assert found is not None
        return found

    def claim_training(self) -> Claim:
        """The claim of the train shard of a new fine-tune job."""
        self.dataset()
        spec = FineTuneSpec(dataset="pets", model="lite.tiny", name="mine")
        with self.context.catalog.write() as session:
            submit_fine_tune(session, spec, work={})
        planned = self.claim()
        with self.context.catalog.write() as session:
            finish(session, planned)
        return self.claim()

    def shard(self, shard_id: int) -> ShardRecord:
        with self.context.catalog.read() as session:
            found = shards.get_shard(session, shard_id)
        assert found is not None
        return found

    def job(self, job: JobRecord) -> JobRecord:
        with self.context.catalog.read() as session:
            found = jobs.get_job(session, job.id)
        assert found is not None
        return found

    def inputs(self, job: JobRecord) -> list[InputRecord]:
        with self.context.catalog.read() as session:
            return inputs.list_inputs(session, job.id, after=-1, limit=1000, state=None)


def fail_with_second(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> None:
    """Have a module that gives inputs to a job a portion at a time fail once, at the second."""
    portions = []
    add_inputs = module.add_inputs

    def fail_once(*given: object, **settings: object) -> None:
        portions.append(given)
        if len(portions) == 2:
            raise RuntimeError("a bug")
        add_inputs(*given, **settings)

    monkeypatch.setattr(module, "add_inputs", fail_once)
