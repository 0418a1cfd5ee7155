"""A real, migrated SQLite catalog for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import zoo_migrations
from zoo.catalog import Catalog, open_catalog
from zoo.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, home=tmp_path)


@pytest.fixture
def catalog(settings: Settings) -> Iterator[Catalog]:
    zoo_migrations.upgrade(settings.resolved_database_url)
    opened = open_catalog(settings.resolved_database_url)
    yield opened
    opened.close()
