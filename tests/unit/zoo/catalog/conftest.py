"""Rivals for one database, and a collection to fight over."""

from collections.abc import Iterator, Sequence

import pytest

from tests.databases import rival_catalogs
from tests.rivals import N_RIVALS, SPACE
from zoo.catalog import Catalog, collections, features


@pytest.fixture
def rivals(catalog: Catalog) -> Iterator[Sequence[Catalog]]:
    """Catalogs of as many processes: each with connections and a writer's lock of its own."""
    with rival_catalogs(catalog, N_RIVALS) as made:
        yield made


@pytest.fixture
def collection_id(catalog: Catalog) -> int:
    with catalog.write() as session:
        features.add_space(session, SPACE, model="lite.a", dim=2, description={})
        return collections.create_collection(
            session, "c", model="lite.a", metric="cosine", space_id=SPACE
        ).id
