"""A worker's parts on a folder below an allowed root, read into a dataset."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import zoo_migrations
from tests.workplace import Workplace
from zoo.catalog import datasets
from zoo.catalog.records import Example, JobRecord
from zoo.settings import load_settings
from zoo.testing.pictures import picture
from zoo_workers.context import make_context


def fill(folder: Path) -> Path:
    """Three cats and three dogs in folders of their own."""
    for number in range(6):
        path = folder / ("cat" if number % 2 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number, kind="PNG"))
    return folder


@contextmanager
def workplace(home: Path, root: Path, *, database_url: str) -> Iterator[Workplace]:
    """A worker that may read what lies below a root."""
    settings = load_settings(
        {},
        home=home,
        database_url=database_url,
        allowed_roots=str(root),
        shard_items=4,
        worker_processes=2,
    )
    settings.home.mkdir()
    zoo_migrations.upgrade(settings.resolved_database_url)
    context = make_context(settings, "worker_1")
    yield Workplace(context=context)
    context.sandbox.close()
    context.catalog.close()


def ingest(place: Workplace, root: Path, *, copy: bool = False) -> JobRecord:
    job = place.submit_source(root, copy=copy)
    place.work()
    return place.job(job)


def counts(job: JobRecord) -> dict[str, int]:
    assert job.state == "succeeded", job.error_detail
    return {name: n for name, n in (job.result or {}).items() if n and name != "dataset_version"}


def examples(place: Workplace) -> dict[str, tuple[str, str]]:
    """Label and id of each example of the dataset to come, by name."""
    return {one.name: (one.label, one.item_id) for one in _held(place)}


def contents(place: Workplace) -> dict[str, str]:
    """The sha256 of each example of the dataset to come, by name."""
    return {one.name: one.sha256 for one in _held(place)}


def relabel(place: Workplace, name: str, label: str) -> None:
    """Say something else of an example, as a PATCH does."""
    [found] = [one for one in _held(place) if one.name == name]
    with place.context.catalog.write() as session:
        dataset = datasets.get_dataset(session, "pets")
        assert dataset is not None
        datasets.put_examples(session, dataset.id, [replace(found, label=label)])


def _held(place: Workplace) -> list[Example]:
    with place.context.catalog.read() as session:
        dataset = datasets.get_dataset(session, "pets")
        assert dataset is not None
        return datasets.list_examples(session, dataset.id, version=None)
