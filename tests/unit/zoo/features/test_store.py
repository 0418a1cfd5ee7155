import numpy as np
import pytest

from tests.stock import Stock, random_vectors
from zoo.catalog import Catalog
from zoo.catalog.contents import iter_contents
from zoo.errors import DamagedError
from zoo.features.store import read_vectors
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs
from zoo.storage.segments import SegmentReader


@pytest.fixture
def stock(catalog: Catalog, settings: Settings) -> Stock:
    stock = Stock(catalog=catalog, blobs=open_blobs(settings))
    stock.collection("pets")
    return stock


def test_vectors_come_back_in_the_order_asked_for_over_segments(stock: Stock) -> None:
    given = random_vectors(5)
    stock.put("pets", {f"a{n}": given[n] for n in range(3)})
    stock.put("pets", {f"b{n}": given[n] for n in range(3, 5)})
    with stock.catalog.read() as session:
        shas = [one.sha256 for one in iter_contents(session, after="", limit=10)]
    asked = [*shas, shas[0]]

    vectors = read_vectors(
        stock.catalog, SegmentReader(stock.blobs), space_id=stock.space_id, sha256s=asked
    )

    assert vectors.dtype == np.float32
    assert vectors.shape == (6, 4)
    assert sorted(map(tuple, vectors[:5])) == sorted(map(tuple, given))
    assert vectors[5].tolist() == vectors[0].tolist()


def test_none_asked_for_is_none(stock: Stock) -> None:
    reader = SegmentReader(stock.blobs)
    vectors = read_vectors(stock.catalog, reader, space_id=stock.space_id, sha256s=[])
    assert vectors.shape == (0, 0)


def test_a_content_without_an_embedding_is_named(stock: Stock) -> None:
    reader = SegmentReader(stock.blobs)
    with pytest.raises(DamagedError) as caught:
        read_vectors(stock.catalog, reader, space_id=stock.space_id, sha256s=["a" * 64])
    assert caught.value.code == "missing_embedding"
    assert caught.value.detail == (
        "1 of 1 contents have no embedding in the space 555555555555, aaaaaaaaaaaa among them; "
        "they should be ingested again"
    )
