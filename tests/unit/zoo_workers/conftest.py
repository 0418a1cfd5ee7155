"""A worker's parts on a real catalog and real blobs; its sandbox starts where a test decodes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import zoo_migrations
from tests.sourced import fill, workplace
from tests.workplace import Workplace
from zoo.settings import Settings, load_settings
from zoo_workers.context import make_context


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, home=tmp_path, shard_items=100)


@pytest.fixture
def place(settings: Settings) -> Iterator[Workplace]:
    zoo_migrations.upgrade(settings.resolved_database_url)
    context = make_context(settings, "worker_1")
    yield Workplace(context=context)
    context.sandbox.close()
    context.catalog.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of pictures that a worker may read."""
    return fill(tmp_path / "root")


@pytest.fixture
def reading_place(tmp_path: Path, root: Path, database_url: str) -> Iterator[Workplace]:
    """A worker that may read it."""
    with workplace(tmp_path / "home", root, database_url=database_url) as made:
        yield made
