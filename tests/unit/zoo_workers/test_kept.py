"""What training has come to is named as soon as it stands, and believed only if it is whole."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.workplace import Workplace
from zoo.catalog import shards
from zoo.catalog.named_files import named_blobs
from zoo.catalog.records import ShardRecord
from zoo.catalog.work_tables import Shard
from zoo_workers.kept import Kept
from zoo_workers.tuned import StoredFile


@pytest.fixture
def kept(place: Workplace) -> Kept:
    return Kept(place.context, place.claim_training())


def written(kept: Kept, folder: str) -> StoredFile:
    def write(path: Path) -> None:
        path.write_bytes(folder.encode())

    return kept.store(folder, write)


def test_a_network_is_named_while_the_examples_are_embedded(place: Workplace, kept: Kept) -> None:
    network = written(kept, "versions")
    kept.keep_network("full", network)
    again = written(kept, "versions")
    kept.keep_network("full", again)
    assert set(place.context.blobs.keys("versions/")) == {again.key}
    with place.context.catalog.read() as session:
        assert again.key in named_blobs(session)
    assert kept.tuned("full") is None


def test_a_strategy_that_diverged_is_known_to_the_next_attempt(kept: Kept) -> None:
    assert kept.diverged("full") is None
    kept.keep_diverged("full", "the loss is nan")
    assert kept.diverged("full") == "the loss is nan"
    kept.clear()  # a sentence is no file


def test_a_result_without_its_network_is_none(place: Workplace, kept: Kept) -> None:
    network = written(kept, "versions")
    kept.keep_network("full", network)
    kept.keep_tuned("full", written(kept, "checkpoints"))
    assert kept.tuned("full") is not None
    place.context.blobs.delete(network.key)
    assert kept.tuned("full") is None


def test_all_is_come_to_anew_without_what_is_lost(place: Workplace, kept: Kept) -> None:
    def write(path: Path) -> None:
        path.write_bytes(b"anything")

    kept.keep_network("last_blocks", written(kept, "versions"))
    kept.keep_tuned("last_blocks", written(kept, "checkpoints"))
    kept.keep_checkpoint("full", write, events=[])
    kept.keep_network("full", written(kept, "versions"))
    kept.keep_vectors("full", write)

    kept.keep_lost(["a"])
    kept.keep_lost(["b"])

    assert (kept.checkpoint("full"), kept.tuned("last_blocks")) == (None, None)
    assert kept.vectors("full") == []
    assert kept.lost == {"a", "b"}
    assert [
        *place.context.blobs.keys("versions/"),
        *place.context.blobs.keys("checkpoints/"),
    ] == []


def test_embeddings_of_another_network_are_not_taken_for_this_ones(kept: Kept) -> None:
    network, other = written(kept, "versions"), written(kept, "versions")
    kept.keep_network("full", network)
    kept.keep_vectors("full", lambda path: path.write_text("one"))
    same = replace(other, sha256=network.sha256)
    kept.keep_network("full", same)
    assert len(kept.vectors("full")) == 1
    kept.keep_network("full", replace(other, sha256="f" * 64))
    assert kept.vectors("full") == []


def test_what_was_come_to_on_other_examples_is_forgotten(place: Workplace, kept: Kept) -> None:
    kept.begin("some")
    kept.keep_network("full", written(kept, "versions"))
    kept.begin("some")
    assert len(list(place.context.blobs.keys("versions/"))) == 1
    kept.begin("others")
    assert list(place.context.blobs.keys("versions/")) == []
    assert kept.has_flips is None


def test_what_is_noted_or_forgotten_forgives_no_attempt(place: Workplace, kept: Kept) -> None:
    def attempt() -> int:
        [shard_id] = [one.id for one in running(place)]
        return place.shard(shard_id).attempt

    kept.begin("some")
    kept.keep_vectors("full", lambda path: path.write_text("one"))
    fail_once(place)
    kept.keep_flips(True)
    kept.vectors("full")[0].unlink()
    assert kept.vectors("full") == []
    kept.begin("others")
    assert attempt() == 1
    kept.keep_vectors("full", lambda path: path.write_text("one"))
    assert attempt() == 0


@pytest.mark.parametrize("sha256", [None, "f" * 64], ids=["the same", "another"])
def test_a_network_that_is_come_to_again_forgives_no_attempt(
    place: Workplace, kept: Kept, sha256: str | None
) -> None:
    network, again = written(kept, "versions"), written(kept, "versions")
    fail_once(place)
    kept.keep_network("full", network)
    [shard] = running(place)
    assert place.shard(shard.id).attempt == 0
    fail_once(place)
    kept.keep_network("full", replace(again, sha256=sha256 or network.sha256))
    assert place.shard(shard.id).attempt == 1


def running(place: Workplace) -> list[ShardRecord]:
    with place.context.catalog.read() as session:
        return shards.claims_of(session, ["worker_1"])


def fail_once(place: Workplace) -> None:
    with place.context.catalog.write() as session:
        session.execute(update(Shard).values(attempt=1))


def test_embeddings_are_kept_part_after_part_and_believed_whole(
    place: Workplace, kept: Kept
) -> None:
    for text in ("one", "two"):
        kept.keep_vectors("full", lambda path, text=text: path.write_text(text))
    assert [path.read_text() for path in kept.vectors("full")] == ["one", "two"]
    kept.vectors("full")[0].unlink()
    assert kept.vectors("full") == []
    assert list(place.context.blobs.keys("checkpoints/")) == []
