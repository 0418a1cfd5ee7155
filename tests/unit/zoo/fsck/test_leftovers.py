from hashlib import sha256
from pathlib import Path

import pytest

from tests.stock import Stock, random_vectors
from zoo.catalog import Catalog, collections, features, jobs, shards
from zoo.fsck import Outcome, check_home, count_leftovers, repair_home
from zoo.search.manifests import IndexFile, NamedPart, write_manifest
from zoo.settings import Settings, load_settings
from zoo.storage.blobs import open_blobs


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return load_settings({}, home=tmp_path, database_url=database_url)


@pytest.fixture
def stock(catalog: Catalog, settings: Settings) -> Stock:
    made = Stock(catalog=catalog, blobs=open_blobs(settings))
    made.collection("c")
    made.put("c", {"a": random_vectors(1)[0]})
    return made


def add_job(catalog: Catalog, kind: str, **arguments: object) -> int:
    with catalog.write() as session:
        values = {"type": "ingest", "spec": {}, "work": {}, "final_kind": "index", "phase": "x"}
        jobs.add_job(session, "job", values=values)
        return shards.add_shard(session, "job", kind, arguments=arguments)


@pytest.mark.usefixtures("stock")
def test_in_a_sound_home_there_is_nothing_to_mend(settings: Settings) -> None:
    assert (count_leftovers(settings), repair_home(settings)) == (0, [])


def test_files_that_no_row_names_are_counted_and_removed(settings: Settings, stock: Stock) -> None:
    for key in ("packs/p", "segments/s", "indexes/i", "archives/a", "versions/v", "features/j/f"):
        stock.blobs.put_bytes(key, b"x")
    stock.blobs.put_bytes("mine/m", b"x")
    (settings.home / "blobs" / "packs" / ".part_1").write_bytes(b"half")
    loose = ["archives/a", "features/j/f", "indexes/i", "packs/p", "segments/s", "versions/v"]

    assert check_home(settings) == []
    assert count_leftovers(settings) == len(loose)
    assert repair_home(settings) == [
        *(Outcome(sentence=f"no row names {key}", mended="removed") for key in loose),
        Outcome(sentence="1 files were written by half", mended="removed"),
    ]
    assert list(stock.blobs.keys("mine/")) == ["mine/m"]
    assert not list((settings.home / "blobs").rglob(".part*"))
    assert (check_home(settings), count_leftovers(settings)) == ([], 0)


def test_an_archive_that_waits_and_features_that_were_written_stay(
    settings: Settings, catalog: Catalog, stock: Stock
) -> None:
    for key in ("archives/a", "features/job/f"):
        stock.blobs.put_bytes(key, b"x")
    add_job(catalog, "expand", archive="archives/a")
    with catalog.write() as session:
        shards.add_shard(session, "job", "extract", arguments={"file": {"key": "features/job/f"}})
    assert count_leftovers(settings) == 0


def test_the_files_of_an_index_stay(settings: Settings, catalog: Catalog, stock: Stock) -> None:
    collection = stock.read("c")
    stock.blobs.put_bytes("indexes/part", b"x")
    part = IndexFile(key="indexes/part", sha256=sha256(b"x").hexdigest())
    manifest = write_manifest(stock.blobs, [NamedPart(file=part, dead=())])
    with catalog.write() as session:
        collections.set_snapshot(
            session,
            collection.generation_id,
            key=manifest.key,
            sha256=manifest.sha256,
            revision=1,
            rows=1,
        )
    assert (count_leftovers(settings), repair_home(settings)) == (0, [])


def test_a_reservation_for_a_shard_that_does_not_run_is_found_and_freed(
    settings: Settings, catalog: Catalog, stock: Stock
) -> None:
    shard_id = add_job(catalog, "embed")
    with catalog.write() as session:
        features.reserve_forwards(
            session, space_id=stock.space_id, shard_id=shard_id, sha256s=["a"]
        )
    sentence = f"content a is reserved for shard {shard_id}, which is not running"
    assert check_home(settings) == [sentence]
    assert repair_home(settings) == [Outcome(sentence=sentence, mended="freed")]
    assert check_home(settings) == []


def test_a_job_that_succeeded_with_work_left_is_found(
    settings: Settings, catalog: Catalog
) -> None:
    add_job(catalog, "embed")
    with catalog.write() as session:
        jobs.end_job(session, "job", state="succeeded")
    assert check_home(settings) == ["job job succeeded, but a part of it was never done"]


def test_a_home_that_is_none_has_no_leftovers(tmp_path: Path) -> None:
    assert count_leftovers(load_settings({}, home=tmp_path)) == 0
