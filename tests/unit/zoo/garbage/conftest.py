"""A stocked home whose garbage may be collected at once, or some hours from now."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.stock import Stock
from zoo.catalog import Catalog
from zoo.garbage import Collected, Grounds, collect
from zoo.settings import Settings, load_settings
from zoo.storage.blobs import BlobStore, open_blobs

Collect = Callable[..., dict[str, Collected]]


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return load_settings({}, home=tmp_path, database_url=database_url)


@pytest.fixture
def blobs(settings: Settings) -> BlobStore:
    return open_blobs(settings)


@pytest.fixture
def stock(catalog: Catalog, blobs: BlobStore) -> Stock:
    made = Stock(catalog=catalog, blobs=blobs)
    made.collection("c")
    return made


@pytest.fixture
def told() -> list[str]:
    """What was said of files that are left as they are."""
    return []


@pytest.fixture
def grounds(settings: Settings, catalog: Catalog, blobs: BlobStore, told: list[str]) -> Grounds:
    return Grounds(
        settings=settings,
        catalog=catalog,
        blobs=blobs,
        instant=datetime.now(UTC),
        is_dry=False,
        is_thorough=False,
        tell=told.append,
    )


@pytest.fixture
def run(grounds: Grounds) -> Collect:
    """Collect, hours from now if asked to; what went by its kind."""

    def run(*, hours: float = 0, **changed: bool) -> dict[str, Collected]:
        instant = datetime.now(UTC) + timedelta(hours=hours)
        return {one.kind: one for one in collect(replace(grounds, instant=instant, **changed))}

    return run
