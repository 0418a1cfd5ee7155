"""Jobs of a few inputs in a real catalog."""

from collections.abc import Callable

import pytest

from tests.stock import Stock, random_vectors
from zoo.catalog import Catalog, collections, deleted, features
from zoo.catalog.records import ContentRecord, JobRecord
from zoo.jobs.intake import Arrival, Delivery, submit_ingest
from zoo.jobs.specs import IngestSpec
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs

Submit = Callable[[int], JobRecord]


def content(number: int) -> ContentRecord:
    return ContentRecord(
        sha256=f"{number:064x}",
        pack_key="packs/one",
        offset=number,
        size_bytes=1,
        width=None,
        height=None,
    )


@pytest.fixture
def submit(catalog: Catalog, settings: Settings) -> Submit:
    with catalog.write() as session:
        features.add_space(session, "space", model="lite.a", dim=2, description={})
        made = collections.create_collection(
            session, "c", model="lite.a", metric="cosine", space_id="space"
        )
    work = {"collection_id": made.id, "model": "lite.a", "space_id": "space", "dim": 2}

    def ingest(n: int) -> JobRecord:
        contents = [content(i) for i in range(n)]
        arrivals = [Arrival(name=f"{i}.jpg", sha256=one.sha256) for i, one in enumerate(contents)]
        delivery = Delivery(arrivals=arrivals, packs={"packs/one": n}, contents=contents)
        with catalog.write() as session:
            return submit_ingest(
                session, IngestSpec(collection="c"), delivery, work=work, settings=settings
            )

    return ingest


@pytest.fixture
def left_over(catalog: Catalog, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deleted collection that still has three items, of which one goes with each write."""
    monkeypatch.setattr(deleted, "ROWS_A_WRITE", 1)
    stock = Stock(catalog=catalog, blobs=open_blobs(settings))
    stock.collection("c")
    stock.put("c", {str(i): vector for i, vector in enumerate(random_vectors(4))})
    with catalog.write() as session:
        collections.delete_collection(session, "c")
