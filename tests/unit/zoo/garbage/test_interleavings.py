"""Uploads, readers, crashes and other collections in the middle of one."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.litter import put_in_one_pack, put_one_by_one, sha256_of
from tests.stock import Stock
from tests.unit.zoo.garbage.conftest import Collect
from zoo.catalog import Catalog, contents, features, garbage
from zoo.errors import ConflictError, DamagedError, UnavailableError
from zoo.garbage import Grounds, packs
from zoo.jobs.intake import Arrival, Delivery, submit_ingest
from zoo.jobs.ledger import cancel
from zoo.jobs.specs import IngestSpec
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore
from zoo.storage.packs import open_packs, read_stored
from zoo.storage.upkeep import alone_with_files


def delivery(*sha256s: str) -> Delivery:
    return Delivery(
        arrivals=[Arrival(name=f"{sha256[:4]}.jpg", sha256=sha256) for sha256 in sha256s]
    )


def submit(stock: Stock, settings: Settings, given: Delivery) -> str:
    collection = stock.read("c")
    work = {
        "collection_id": collection.id,
        "model": "lite.tiny.in1k",
        "space_id": stock.space_id,
        "dim": stock.dim,
    }
    with stock.catalog.write() as session:
        spec = IngestSpec(collection="c")
        return submit_ingest(session, spec, given, work=work, settings=settings).id


def test_what_a_live_job_was_given_stays_and_what_it_left_undone_for_a_while(
    stock: Stock, run: Collect, settings: Settings, catalog: Catalog
) -> None:
    [vector] = put_one_by_one(stock, 1)
    job_id = submit(stock, settings, delivery(sha256_of(vector)))
    stock.delete("c", "i0")
    assert "contents" not in run(hours=9)
    with catalog.write() as session:
        cancel(session, job_id)
    assert "contents" not in run()
    assert run(hours=2)["contents"].count == 1


def test_an_upload_that_counted_on_a_content_as_it_was_collected_is_refused_whole(
    stock: Stock, grounds: Grounds, run: Collect, settings: Settings
) -> None:
    [vector] = put_one_by_one(stock, 1)
    stock.delete("c", "i0")
    with open_packs(stock.catalog, grounds.blobs, settings) as writer:
        known = writer.add(vector.tobytes())
        assert writer.commit().packs == {}  # it looked: the bytes are stored, none are written
    run()  # and between that look and its transaction they are collected
    with pytest.raises(UnavailableError) as caught:
        submit(stock, settings, delivery(known.sha256))
    assert (caught.value.code, caught.value.retry_after_s) == ("content_collected", 1)
    with open_packs(stock.catalog, grounds.blobs, settings) as writer:
        writer.add(vector.tobytes())
        again = writer.commit()
    whole = replace(delivery(known.sha256), packs=again.packs, contents=again.contents)
    submit(stock, settings, whole)
    assert "contents" not in run(hours=9)
    with stock.catalog.read() as session:
        found = contents.get_contents(session, [known.sha256])[known.sha256]
    assert read_stored(stock.catalog, grounds.blobs, found) == vector.tobytes()


def test_an_upload_that_names_a_content_first_keeps_it(
    stock: Stock, grounds: Grounds, settings: Settings, catalog: Catalog
) -> None:
    [vector] = put_one_by_one(stock, 1)
    stock.delete("c", "i0")
    sha256 = sha256_of(vector)
    with catalog.read() as session:
        seen = garbage.unnamed_contents(session, after="", limit=9, retry_from=grounds.grace_from)
    assert [one.sha256 for one in seen] == [sha256]  # the collection has looked
    submit(stock, settings, delivery(sha256))  # then it is named
    with catalog.write() as session:
        assert garbage.drop_contents(session, [sha256], retry_from=grounds.grace_from) == 0


def test_a_collection_that_dies_after_any_step_is_finished_by_the_next(
    stock: Stock,
    grounds: Grounds,
    run: Collect,
    blobs: BlobStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alive, dead = put_in_one_pack(stock, grounds, [b"keep me", b"delete me, I am longer"])
    stock.delete("c", f"of-{dead.sha256[:8]}")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for module, name in (
        (garbage, "move_contents"),  # the new pack is durable, no row names it
        (type(blobs), "delete"),  # the rows have moved, the old pack is still there
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, die)
            with pytest.raises(KeyboardInterrupt):
                run()
        assert read_stored(stock.catalog, blobs, alive) == b"keep me"
    run(hours=2)
    [key] = blobs.keys("packs/")
    assert blobs.local_path(key).read_bytes() == b"keep me"


def test_two_that_rewrite_the_same_pack_leave_one(
    stock: Stock,
    grounds: Grounds,
    run: Collect,
    blobs: BlobStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, dead = put_in_one_pack(stock, grounds, [b"keep me", b"delete me, I am longer"])
    stock.delete("c", f"of-{dead.sha256[:8]}")
    write = packs._write

    def written_by_another_too(grounds: Grounds, load: garbage.PackLoad, path: Path) -> object:
        offsets = write(grounds, load, path)
        monkeypatch.setattr(packs, "_write", write)
        assert packs._rewrite(grounds, load)
        return offsets

    monkeypatch.setattr(packs, "_write", written_by_another_too)
    run()
    run(hours=2)
    [key] = blobs.keys("packs/")
    assert blobs.local_path(key).read_bytes() == b"keep me"


def test_a_collection_waits_for_no_backup(run: Collect, settings: Settings) -> None:
    with (
        alone_with_files(settings.home, what="the backup"),
        pytest.raises(ConflictError) as caught,
    ):
        run()
    assert caught.value.detail == (
        "the collection of garbage has to wait: a backup or a collection of garbage of "
        f"{settings.home} is under way"
    )


def test_a_content_that_was_collected_says_so_to_whoever_still_asks(
    stock: Stock, run: Collect, catalog: Catalog, blobs: BlobStore
) -> None:
    [vector] = put_one_by_one(stock, 1)
    with catalog.read() as session:
        [content] = contents.get_contents(session, [sha256_of(vector)]).values()
    stock.delete("c", "i0")
    run()
    with pytest.raises(DamagedError) as caught:
        read_stored(catalog, blobs, content)
    assert (caught.value.code, caught.value.detail) == (
        "file_missing",
        f"content {content.sha256} was deleted and is not stored any more; send it again",
    )
    with catalog.read() as session:
        assert features.list_segments(session) == []
