"""Whatever becomes of a file of record is seen before it is used: never a wrong answer."""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.damage import DAMAGES, damage
from tests.stock import Stock, random_vectors
from zoo.catalog import Catalog, collections, contents, features
from zoo.errors import DamagedError
from zoo.features.store import read_vectors
from zoo.inference.heads import HeadCache
from zoo.predictor import HeadRef
from zoo.search.collection import Searches
from zoo.settings import Settings
from zoo.storage.blobs import file_sha256, open_blobs
from zoo.storage.packs import read_content
from zoo.storage.segments import SegmentReader
from zoo.storage.stamps import stamp_of
from zoo.training.heads import Head, write_head

N = 30


@pytest.fixture
def stock(catalog: Catalog, settings: Settings) -> Stock:
    made = Stock(catalog=catalog, blobs=open_blobs(settings), dim=64)
    made.collection("c")
    for part in range(2):
        vectors = random_vectors(N, dim=64, seed=part)
        made.put("c", {f"{part}-{k}": vector for k, vector in enumerate(vectors)})
    return made


def files(stock: Stock, kind: str) -> list[Path]:
    return sorted(stock.blobs.local_path(key) for key in stock.blobs.keys(f"{kind}/"))


@contextmanager
def damaged(name: str, path: Path, *, sibling: Path) -> Iterator[None]:
    """Do it, and undo it afterwards; who looks at times sees both."""
    sound, before = path.read_bytes(), stamp_of(path)
    damage(name, path, sibling=sibling)
    while path.exists() and stamp_of(path) == before:  # within one tick of the disk's clock
        path.touch()
    yield
    path.write_bytes(sound)


def undetected(read: Callable[[], object], path: Path, *, sibling: Path) -> list[str]:
    """The damages that reading takes no notice of."""
    missed = []
    for name in DAMAGES:
        read()
        with damaged(name, path, sibling=sibling):
            try:
                read()
            except DamagedError:
                continue
            missed.append(name)
    return missed


def test_every_damage_to_a_segment_is_seen_by_who_reads_it_next(stock: Stock) -> None:
    with stock.catalog.read() as session:
        first, second = features.list_segments(session)
    reader = SegmentReader(stock.blobs)
    path, sibling = (stock.blobs.local_path(one.key) for one in (first, second))

    assert undetected(lambda: reader.rows(first, [0, N - 1]), path, sibling=sibling) == []
    assert (
        undetected(lambda: SegmentReader(stock.blobs).rows(first, [7]), path, sibling=sibling)
        == []
    )


def test_every_damage_to_a_pack_is_seen_by_who_reads_what_it_hit(stock: Stock) -> None:
    with stock.catalog.read() as session:
        content, other = contents.iter_contents(session, after="", limit=2)
    path, sibling = (stock.blobs.local_path(one.pack_key) for one in (content, other))

    missed = undetected(lambda: read_content(stock.blobs, content), path, sibling=sibling)

    assert missed == ["longer"]  # what follows a content is no part of it


def test_every_damage_to_a_head_is_refused(stock: Stock, tmp_path: Path) -> None:
    refs = []
    for number in range(2):
        head = Head(
            matrix=random_vectors(3, dim=64, seed=number),
            bias=np.zeros(3, np.float32),
            labels=("a", "b", "c"),
        )
        path = tmp_path / f"head-{number}"
        write_head(path, head, {})
        key = f"versions/job_{number}"
        refs.append(HeadRef(blob_key=key, sha256=file_sha256(path)))
        stock.blobs.put(key, path)
    path, sibling = (stock.blobs.local_path(ref.blob_key) for ref in refs)

    read = lambda: HeadCache(stock.blobs).get(refs[0])  # noqa: E731
    assert undetected(read, path, sibling=sibling) == []


def test_a_head_that_serves_goes_on_when_its_file_is_damaged(stock: Stock, tmp_path: Path) -> None:
    head = Head(matrix=random_vectors(2, dim=64), bias=np.zeros(2, np.float32), labels=("a", "b"))
    write_head(tmp_path / "head", head, {})
    ref = HeadRef(blob_key="versions/job", sha256=file_sha256(tmp_path / "head"))
    stock.blobs.put(ref.blob_key, tmp_path / "head")
    cache = HeadCache(stock.blobs)
    serving = cache.get(ref)
    stock.blobs.local_path(ref.blob_key).write_bytes(b"gone bad")

    assert cache.get(ref) is serving


def test_a_damaged_snapshot_changes_no_answer_and_is_forgotten(
    stock: Stock, tmp_path: Path
) -> None:
    query = random_vectors(1, dim=64, seed=9)[0]
    expected = _hits(stock, query)
    other = tmp_path / "sibling"
    for name, suffix in itertools.product(DAMAGES, (".json", "")):  # the manifest, a part
        before = set(files(stock, "indexes"))
        assert _noted(stock, tmp_path), name
        new = set(files(stock, "indexes")) - before
        [path] = (one for one in new if one.suffix == suffix)
        other.write_bytes(path.read_bytes()[::-1])
        damage(name, path, sibling=other)

        assert _hits(stock, query) == expected, name
        assert stock.read("c").index_key is None, name


def _noted(stock: Stock, spool: Path) -> bool:
    collection = stock.read("c")
    written = Searches(stock.catalog, stock.blobs).write_snapshot(collection, spool=spool)
    with stock.catalog.write() as session:
        collections.set_snapshot(
            session,
            collection.generation_id,
            key=written.key,
            sha256=written.sha256,
            revision=written.revision,
            rows=written.rows,
        )
    return stock.read("c").index_key == written.key


def _hits(stock: Stock, query: np.ndarray) -> list[tuple[str, float]]:
    found = Searches(stock.catalog, stock.blobs).search(stock.read("c"), query, k=9)
    return [(item.item_id, score) for item, score in found]


def test_a_damaged_segment_is_an_error_of_all_who_need_it_and_of_no_others(stock: Stock) -> None:
    with stock.catalog.read() as session:
        first, second = features.list_segments(session)
    stock.blobs.local_path(first.key).write_bytes(b"gone bad")
    whole = hashlib.sha256(random_vectors(N, dim=64, seed=1)[0].tobytes()).hexdigest()
    lost = hashlib.sha256(random_vectors(N, dim=64, seed=0)[0].tobytes()).hexdigest()
    reader = SegmentReader(stock.blobs)

    found = read_vectors(stock.catalog, reader, space_id=stock.space_id, sha256s=[whole])
    with pytest.raises(DamagedError) as caught:
        read_vectors(stock.catalog, reader, space_id=stock.space_id, sha256s=[whole, lost])

    assert np.array_equal(found[0], random_vectors(N, dim=64, seed=1)[0])
    assert caught.value.detail.startswith(f"{first.key} is damaged: its sha256 has changed; ")
    assert second.key not in caught.value.detail
