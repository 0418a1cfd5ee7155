"""What goes, what stays, and what happens in between."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert, text

from tests.litter import put_in_one_pack, put_one_by_one, sha256_of
from tests.serving import network_columns, register_pets
from tests.stock import Stock
from tests.unit.zoo.garbage.conftest import Collect
from zoo.catalog import (
    Catalog,
    collections,
    contents,
    deleted,
    features,
    garbage,
    items,
    jobs,
    models,
    shards,
    sources,
)
from zoo.catalog.sources import Target
from zoo.catalog.tables import Content, Pack
from zoo.catalog.work_tables import JobInput, SourceFile
from zoo.features.store import read_vectors
from zoo.fsck import check_home
from zoo.garbage import Collected, Grounds, segments
from zoo.jobs.ledger import cancel
from zoo.registry.retiring import delete_version
from zoo.search.collection import Searches
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore
from zoo.storage.packs import read_stored
from zoo.storage.segments import SegmentReader


def stored(blobs: BlobStore) -> list[str]:
    return sorted(blobs.keys(""))


def test_a_home_in_use_has_no_garbage(
    stock: Stock, run: Collect, blobs: BlobStore, settings: Settings
) -> None:
    put_one_by_one(stock, 3)
    before = stored(blobs)
    assert run(hours=9) == {}
    assert stored(blobs) == before
    assert check_home(settings) == []


def test_what_a_deleted_item_alone_held_is_gone_from_disk(
    stock: Stock, run: Collect, blobs: BlobStore, settings: Settings
) -> None:
    put_one_by_one(stock, 2)
    stock.delete("c", "i0")
    assert run() == {
        "deleted items": Collected(kind="deleted items", count=1),
        "contents": Collected(kind="contents", count=1),
        "packs": Collected(kind="packs", count=1, size_bytes=16),
        "segments": Collected(kind="segments", count=1, size_bytes=16),
    }
    assert [key.partition("/")[0] for key in stored(blobs)] == ["packs", "segments"]
    assert check_home(settings) == []
    assert run() == {}


def test_a_dry_run_tells_the_same_and_deletes_nothing(
    stock: Stock, run: Collect, blobs: BlobStore
) -> None:
    put_one_by_one(stock, 2)
    stock.delete("c", "i0")
    before = stored(blobs)
    told = run(is_dry=True)
    assert stored(blobs) == before
    assert told == run()


def test_a_content_of_a_deleted_collection_that_another_holds_stays(
    stock: Stock, run: Collect, catalog: Catalog
) -> None:
    [vector] = put_one_by_one(stock, 1)
    stock.collection("other")
    stock.put("other", {"same": vector})
    with catalog.write() as session:
        collections.delete_collection(session, "c")
    run(hours=9)
    with catalog.read() as session:
        assert sha256_of(vector) in contents.get_contents(session, [sha256_of(vector)])


def test_what_a_large_deleted_collection_alone_held_goes_though_its_rows_were_left(
    stock: Stock, run: Collect, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleted, "ROWS_A_WRITE", 1)
    put_one_by_one(stock, 3)
    with catalog.write() as session:
        collections.delete_collection(session, "c")
    kind = "rows of deleted collections and datasets"
    assert run(is_dry=True)[kind].count == 2
    gone = run()
    assert (gone[kind].count, gone["contents"].count) == (3, 3)  # the collection's own row too
    assert run() == {}


def test_a_deleted_item_forgets_what_it_was(stock: Stock, run: Collect, catalog: Catalog) -> None:
    put_one_by_one(stock, 1)
    stock.delete("c", "i0")
    run()
    with catalog.read() as session:
        [row] = items.changes_since(session, stock.read("c").id, revision=-1, limit=9)
        assert (row.sha256, row.is_deleted) == ("", True)
        assert garbage.tombstones(session, after=0, limit=9) == []


def test_a_pack_that_is_mostly_dead_is_written_anew(
    stock: Stock, grounds: Grounds, run: Collect, blobs: BlobStore
) -> None:
    alive, *dead = put_in_one_pack(stock, grounds, [b"keep me", b"delete me", b"and me as well"])
    for content in dead:
        stock.delete("c", f"of-{content.sha256[:8]}")
    assert run()["packs"] == Collected(kind="packs", count=1, size_bytes=23)
    [key] = blobs.keys("packs/")
    assert blobs.local_path(key).read_bytes() == b"keep me"
    # Whoever learnt before where it stood finds it where it stands now.
    assert read_stored(stock.catalog, blobs, alive) == b"keep me"


def test_a_pack_that_is_mostly_alive_is_written_anew_only_when_asked(
    stock: Stock, grounds: Grounds, run: Collect, blobs: BlobStore
) -> None:
    _, dead = put_in_one_pack(stock, grounds, [b"a long one that stays", b"short"])
    stock.delete("c", f"of-{dead.sha256[:8]}")
    assert set(run()) == {"deleted items", "contents"}
    assert set(run(is_thorough=True)) == {"packs"}
    [key] = blobs.keys("packs/")
    assert blobs.local_path(key).read_bytes() == b"a long one that stays"


def test_a_pack_that_is_damaged_is_left_alone(
    stock: Stock, grounds: Grounds, run: Collect, blobs: BlobStore, told: list[str]
) -> None:
    _, dead = put_in_one_pack(stock, grounds, [b"keep", b"a long one to delete"])
    [key] = blobs.keys("packs/")
    blobs.local_path(key).write_bytes(b"kept" + b"a long one to delete")
    stock.delete("c", f"of-{dead.sha256[:8]}")
    assert "packs" not in run()
    assert list(blobs.keys("packs/")) == [key]
    [sentence] = told
    assert sentence.startswith(f"{key} stays as it is: content ")


def test_many_small_segments_become_one(
    stock: Stock, run: Collect, catalog: Catalog, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "MANY_SMALL", 3)
    vectors = put_one_by_one(stock, 4)
    stock.delete("c", "i0")
    assert run()["segments"].count == 4
    assert len(list(blobs.keys("segments/"))) == 1
    wanted = [sha256_of(vector) for vector in vectors[1:]]
    found = read_vectors(catalog, SegmentReader(blobs), space_id=stock.space_id, sha256s=wanted)
    assert np.array_equal(found, vectors[1:])


def test_a_reader_finds_embeddings_that_move_while_it_reads(
    stock: Stock,
    run: Collect,
    catalog: Catalog,
    blobs: BlobStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(segments, "MANY_SMALL", 2)
    vectors = put_one_by_one(stock, 3)
    reader = SegmentReader(blobs)
    read, moved = reader.rows, []

    def read_after_a_collection(segment: object, rows: Sequence[int]) -> object:
        if not moved:
            moved.append(run())
        return read(segment, rows)  # type: ignore[arg-type]  # whatever it was given

    monkeypatch.setattr(reader, "rows", read_after_a_collection)
    wanted = [sha256_of(vector) for vector in vectors]
    found = read_vectors(catalog, reader, space_id=stock.space_id, sha256s=wanted)
    assert moved
    assert np.array_equal(found, vectors)


def test_the_files_of_a_snapshot_in_use_stay_and_those_of_older_ones_go(
    stock: Stock, run: Collect, catalog: Catalog, blobs: BlobStore, tmp_path: Path
) -> None:
    vectors = put_one_by_one(stock, 4)
    searches = Searches(catalog, blobs)
    assert len(searches.search(stock.read("c"), vectors[0], k=2)) == 2
    for item_id in ("i0", "i1"):
        stock.delete("c", item_id)
        written = searches.write_snapshot(stock.read("c"), spool=tmp_path / "tmp")
        with catalog.write() as session:
            collections.set_snapshot(
                session,
                stock.read("c").generation_id,
                key=written.key,
                sha256=written.sha256,
                revision=written.revision,
                rows=written.rows,
            )
    run(hours=2)
    assert written.key in set(blobs.keys("indexes/"))
    for index in (searches, Searches(catalog, blobs)):
        hits = index.search(stock.read("c"), vectors[0], k=3)
        assert {item.item_id for item, _ in hits} == {"i2", "i3"}
    assert stock.read("c").index_key == written.key  # nothing of it was missing


def test_files_without_a_row_go_when_they_are_old(
    stock: Stock, run: Collect, blobs: BlobStore
) -> None:
    put_one_by_one(stock, 1)
    before = stored(blobs)
    for key in (
        "packs/a",
        "segments/b.npy",
        "indexes/c",
        "versions/d",
        "archives/e",
        "features/f/g",
    ):
        blobs.put_bytes(key, b"orphan")
    assert run() == {}
    told = run(hours=2, is_dry=True)
    assert told == run(hours=2)
    assert sum(one.size_bytes for one in told.values()) == 36
    assert stored(blobs) == before


def test_what_an_extract_job_wrote_that_did_not_succeed_stays_as_long_as_the_job(
    stock: Stock, run: Collect, catalog: Catalog, blobs: BlobStore
) -> None:
    values = {"type": "extract", "spec": {}, "work": {}, "final_kind": "collate", "phase": "x"}
    file = {"key": "features/job/f", "sha256": "0" * 64}
    with catalog.write() as session:
        jobs.add_job(session, "job", values=values)
        shards.add_shard(session, "job", "extract", arguments={"file": file})
        shards.add_shard(session, "job", "extract", arguments={})
        cancel(session, "job")
    for key in ("features/job/f", "features/job/half"):
        stock.blobs.put_bytes(key, b"vectors")
    run(hours=9)
    assert stored(blobs) == ["features/job/f"]


def test_networks_stay_with_their_versions_and_checkpoints_as_long_as_training_goes_on(
    stock: Stock, run: Collect, catalog: Catalog, blobs: BlobStore
) -> None:
    values = {"type": "fine_tune", "spec": {}, "work": {}, "final_kind": "train", "phase": "x"}
    checkpoint = {"key": "checkpoints/job/2", "sha256": "0" * 64}
    for key in ("versions/job", "versions/network", "checkpoints/job/1", "checkpoints/job/2"):
        stock.blobs.put_bytes(key, b"tensors")
    register_pets(catalog, job_id="job", **network_columns("versions/network"))
    with catalog.write() as session:
        jobs.add_job(session, "job", values=values)
        shards.add_shard(session, "job", "train", arguments={"checkpoint": checkpoint, "step": 7})
    run(hours=9)
    while_it_runs = stored(blobs)
    with catalog.write() as session:
        cancel(session, "job")
    run(hours=9)

    assert while_it_runs == ["checkpoints/job/2", "versions/job", "versions/network"]
    assert stored(blobs) == ["versions/job", "versions/network"]
    with catalog.write() as session:
        pets = models.get_model(session, "pets")
        assert pets is not None
        delete_version(session, pets, 1)
    run(hours=9)
    assert stored(blobs) == []


def test_embeddings_by_a_deleted_network_go_though_their_contents_stay(
    stock: Stock, run: Collect, catalog: Catalog, blobs: BlobStore
) -> None:
    columns = network_columns("versions/network")
    register_pets(catalog, job_id="job", **columns)
    tuned = Stock(catalog=catalog, blobs=blobs, space_id=str(columns["space_id"]))
    tuned.collection("tuned", model="pets:1")
    [vector] = put_one_by_one(stock, 1)
    tuned.put("tuned", {"same": vector})
    with catalog.write() as session:
        collections.delete_collection(session, "tuned")
    assert run().keys() & {"embeddings", "segments"} == set()
    with catalog.write() as session:
        pets = models.get_model(session, "pets")
        assert pets is not None
        delete_version(session, pets, 1)
    told = run(is_dry=True)
    assert told == run()
    assert told["embeddings"] == Collected(kind="embeddings", count=1)
    assert told["segments"] == Collected(kind="segments", count=1, size_bytes=16)
    with catalog.read() as session:
        assert features.locate(session, space_id=tuned.space_id, sha256s=[sha256_of(vector)]) == {}
        assert features.locate(session, space_id=stock.space_id, sha256s=[sha256_of(vector)]) != {}


def test_strangers_files_stay(settings: Settings, run: Collect) -> None:
    mine = settings.home / "blobs" / "notes" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("not yours")
    run(hours=999)
    assert mine.exists()


def test_what_goes_over_whole_tables_may_take_longer_than_a_request(grounds: Grounds) -> None:
    if grounds.catalog.engine.dialect.name == "sqlite":
        return  # it sets a statement no limit
    with grounds.reading() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "0"
        assert session.scalar(text("SHOW transaction_read_only")) == "on"


@pytest.mark.slow
def test_contents_are_looked_through_in_one_go_however_many_inputs_jobs_have(
    catalog: Catalog, grounds: Grounds
) -> None:
    n = 30_000
    names = [hashlib.sha256(b"%d" % i).hexdigest() for i in range(n)]
    values = {"type": "ingest", "spec": {}, "work": {}, "final_kind": "index", "phase": "x"}
    given = {"job_id": "job", "name": "a.jpg", "item_id": "a", "metadata": {}, "state": "queued"}
    with catalog.write() as session:
        [pack_id] = contents.add_packs(session, {"packs/p": n}).values()
        jobs.add_job(session, "job", values=values)
        stored = [
            {"sha256": name, "pack_id": pack_id, "offset": i, "size_bytes": 1}
            for i, name in enumerate(names)
        ]
        session.execute(insert(Content.__table__), stored)
        asked_for = [{**given, "position": i, "sha256": name} for i, name in enumerate(names[1:])]
        session.execute(insert(JobInput.__table__), asked_for)
        session.execute(text("ANALYZE"))
    with grounds.reading() as session:
        if catalog.engine.dialect.name == "postgresql":
            session.execute(text("SET LOCAL work_mem = '64kB'"))  # as if there were millions
        began = time.monotonic()
        found = garbage.unnamed_contents(session, after="", limit=9, retry_from=grounds.grace_from)
        assert [one.sha256 for one in found] == names[:1]
        assert time.monotonic() - began < 5


def refer_to(catalog: Catalog, n: int) -> list[str]:
    """Files by reference whose contents are gone, all but the first of which a source knows."""
    keys = [f"ref:/srv/{i:06}.jpg" for i in range(n)]
    with catalog.write() as session:
        c = collections.get_collection(session, "c")
        assert c is not None
        source = sources.begin_scan(session, Target(collection_id=c.id, dataset_id=None), "/srv")
        given = [{"key": key, "size_bytes": 1} for key in keys]
        session.execute(insert(Pack.__table__), given)
        known = {"source_id": source.id, "size_bytes": 1, "stamp": "1", "scan": 1, "item_id": "a"}
        files = [{**known, "name": key, "reference": key} for key in keys[1:]]
        session.execute(insert(SourceFile.__table__), files)
    return keys


def test_files_by_reference_that_no_source_knows_any_more_are_forgotten(
    stock: Stock, run: Collect, catalog: Catalog
) -> None:
    stock.put("c", {"a": np.ones(4, np.float32)})
    [stays, *_] = stored(stock.blobs)
    _, *known = refer_to(catalog, 3)

    assert run()["files by reference"].count == 1

    with catalog.read() as session:
        assert [key for key, _ in contents.list_packs(session)] == [stays, *known]


@pytest.mark.slow
def test_files_by_reference_are_looked_through_in_one_go_however_many_there_are(
    stock: Stock, catalog: Catalog
) -> None:
    refer_to(stock.catalog, 30_000)
    with catalog.write() as session:
        session.execute(text("ANALYZE"))
        if catalog.engine.dialect.name == "postgresql":
            session.execute(text("SET LOCAL work_mem = '64kB'"))  # as if there were millions
        began = time.monotonic()
        assert garbage.drop_references(session) == 1
        assert time.monotonic() - began < 5
