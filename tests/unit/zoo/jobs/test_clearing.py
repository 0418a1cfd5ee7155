import pytest

from tests.stock import Stock, random_vectors
from zoo.catalog import Catalog, collections, deleted
from zoo.jobs.clearing import clear_deleted
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs


def test_what_a_killed_process_left_is_gone_on_with_for_as_long_as_there_is_time(
    catalog: Catalog, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleted, "ROWS_A_WRITE", 1)
    stock = Stock(catalog=catalog, blobs=open_blobs(settings))
    stock.collection("c")
    stock.put("c", {str(i): vector for i, vector in enumerate(random_vectors(4))})
    with catalog.write() as session:
        collections.delete_collection(session, "c")
    assert clear_deleted(catalog, most_s=0) == 0
    assert clear_deleted(catalog, most_s=60) == 4  # three items, and the collection
    assert clear_deleted(catalog, most_s=60) == 0
