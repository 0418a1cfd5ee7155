"""A real, migrated catalog for each test that asks for one, on both databases."""

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
def catalog(settings: Settings, database_url: str) -> Iterator[Catalog]:
    url = database_url or settings.resolved_database_url
    if not database_url:
        zoo_migrations.upgrade(url)
    opened = open_catalog(url)
    yield opened
    opened.close()
