import io
import zipfile
from collections.abc import Mapping
from typing import BinaryIO

import pytest

from tests.workplace import Workplace
from zoo.catalog import shards, wake_ups
from zoo.errors import ClaimLostError
from zoo.jobs.ledger import give_back
from zoo.testing.pictures import tarred
from zoo.watchdog import Watchdog
from zoo_workers import arriving, expand, feeding

FILES = {"cat/a.png": b"a", "cat/b.png": b"b", "dog/c.png": b"c", "d.png": b"d", "dog/e": b""}


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_members_become_inputs_with_their_top_folder_as_label(place: Workplace) -> None:
    job = place.submit_archive(zipped(FILES))

    expand.run(place.context, place.claim())

    found = [(one.name, one.label, one.state, one.error_code) for one in place.inputs(job)]
    assert found == [
        ("cat/a.png", "cat", "queued", None),
        ("cat/b.png", "cat", "queued", None),
        ("dog/c.png", "dog", "queued", None),
        ("d.png", None, "failed", "no_label"),
        ("dog/e", None, "failed", "empty_file"),
    ]
    assert list(place.context.blobs.keys("archives/")) == []


@pytest.mark.parametrize(("members", "size_bytes"), [(2, 10**6), (1000, 2)])
def test_an_archive_is_taken_in_portions(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, members: int, size_bytes: int
) -> None:
    monkeypatch.setattr(arriving, "FILES_A_WRITE", members)
    monkeypatch.setattr(arriving, "BYTES_A_WRITE", size_bytes)
    job = place.submit_archive(zipped(FILES))

    expand.run(place.context, place.claim())

    assert [one.position for one in place.inputs(job)] == [0, 1, 2, 3, 4]
    assert len(list(place.context.blobs.keys("packs/"))) == 2


def test_a_new_attempt_goes_on_after_what_the_last_one_took(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "FILES_A_WRITE", 2)
    job = place.submit_archive(zipped(FILES))
    claimed = place.claim()
    members = expand._members(place.context, claimed, lambda: archive_of(place))
    further = expand._take(place.context, claimed, members, claimed.arguments)
    assert further is not None
    with place.context.catalog.write() as session:
        give_back(session, [claimed.shard])
    with pytest.raises(ClaimLostError):
        expand._take(place.context, claimed, members, further)

    again = place.context
    second = place.shard(claimed.shard.id)
    assert second.arguments["skip"] == 2
    with again.catalog.write() as session:
        waiting = wake_ups.take_due(session, 9)
        wake_ups.clear(session, [row for row in waiting if row[1] != second.id])
    expand.run(again, place.claim())

    assert [one.name for one in place.inputs(job)] == list(FILES)


def test_an_archive_that_takes_long_to_look_through_is_no_standstill(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "READ_BYTES", 1000)
    feeds: list[object] = []
    monkeypatch.setattr(Watchdog, "feed", lambda watchdog: feeds.append(watchdog))
    content = tarred({f"cat/{number}.png": b"a" for number in range(200)})
    place.submit_archive(content)
    members = expand._members(place.context, place.claim(), lambda: io.BytesIO(content))
    next(members)  # by then the whole archive was searched for a manifest
    assert len(feeds) > 10


def test_progress_forgives_the_attempts_and_waits_before_it(place: Workplace) -> None:
    place.submit_archive(zipped(FILES))
    claimed = place.claim()
    with place.context.catalog.write() as session:
        shards.requeue_shard(session, claimed.shard, attempt=2, waits=5, last_error="x")
    second = place.claim()
    assert (second.shard.attempt, second.shard.waits) == (2, 5)

    members = expand._members(place.context, second, lambda: archive_of(place))
    expand._take(place.context, second, members, second.arguments)

    found = place.shard(second.shard.id)
    assert (found.attempt, found.waits) == (0, 0)


def test_an_archive_that_breaks_off_is_one_failed_input_however_often_it_is_tried(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = place.submit_archive(zipped(FILES)[:-30])
    claimed = place.claim()
    with monkeypatch.context() as patched:
        patched.setattr(expand, "finish", _die)
        with pytest.raises(KeyboardInterrupt):
            expand.run(place.context, claimed)
    with place.context.catalog.write() as session:
        give_back(session, [claimed.shard])
    expand.run(place.context, place.claim())

    [only] = place.inputs(job)
    assert (only.name, only.state, only.error_code) == ("all.zip", "failed", "damaged_archive")


def archive_of(place: Workplace) -> BinaryIO:
    return io.BytesIO(place.context.blobs.local_path("archives/a").read_bytes())


def _die(*_: object) -> None:
    raise KeyboardInterrupt
