"""Homes with something in them that may become garbage."""

import hashlib
from collections.abc import Sequence

import numpy as np

from tests.stock import Stock, random_vectors
from zoo.catalog import collections, contents, items
from zoo.catalog.records import ContentRecord, InputRecord
from zoo.garbage import Grounds
from zoo.storage.packs import open_packs


def sha256_of(vector: np.ndarray) -> str:
    return hashlib.sha256(vector.tobytes()).hexdigest()


def put_one_by_one(stock: Stock, n: int) -> np.ndarray:
    vectors = random_vectors(n)
    for i, vector in enumerate(vectors):
        stock.put("c", {f"i{i}": vector})
    return vectors


def put_in_one_pack(stock: Stock, grounds: Grounds, given: Sequence[bytes]) -> list[ContentRecord]:
    """Contents in one pack, each an item."""
    with open_packs(stock.catalog, grounds.blobs, grounds.settings) as writer:
        for content in given:
            writer.add(content)
        written = writer.commit()
    with stock.catalog.write() as session:
        pack_ids = contents.add_packs(session, written.packs)
        contents.add_contents(session, written.contents, pack_ids=pack_ids)
        revision = collections.next_revision(session, stock.read("c").id) or 0
        given_items = [item_of(one.sha256) for one in written.contents]
        items.put_items(session, stock.read("c").id, given_items, revision=revision)
    return list(written.contents)


def item_of(sha256: str) -> InputRecord:
    return InputRecord(
        pk=0,
        position=0,
        name="picture.jpg",
        item_id=f"of-{sha256[:8]}",
        label="cat",
        split=None,
        metadata={"who": "me"},
        sha256=sha256,
        state="embedded",
        error_code=None,
        error_detail=None,
    )
