"""What is lost with a damaged file is made again from what is whole, or asked for by name."""

from pathlib import Path

import pytest

from tests.stock import Stock, random_vectors
from zoo.catalog import Catalog, contents, features, inputs, jobs
from zoo.errors import DamagedError
from zoo.fsck import check_home, repair_home
from zoo.settings import Settings, load_settings
from zoo.storage.blobs import open_blobs
from zoo.storage.packs import read_content


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return load_settings({}, home=tmp_path, database_url=database_url)


@pytest.fixture
def stock(catalog: Catalog, settings: Settings) -> Stock:
    made = Stock(catalog=catalog, blobs=open_blobs(settings))
    made.collection("c")
    made.put("c", {"a": random_vectors(1)[0], "b": random_vectors(2)[1]})
    made.put("c", {"z": random_vectors(3)[2]})
    return made


def repaired(settings: Settings) -> list[str]:
    return [outcome.mended for outcome in repair_home(settings)]


@pytest.mark.usefixtures("stock")
def test_a_sound_home_is_left_as_it_is(settings: Settings) -> None:
    assert repaired(settings) == []


def test_the_embeddings_of_a_damaged_segment_are_made_again_by_a_job(
    stock: Stock, settings: Settings
) -> None:
    with stock.catalog.read() as session:
        segment = features.list_segments(session)[0]
    stock.blobs.local_path(segment.key).write_bytes(b"gone bad")
    assert check_home(settings) == [
        f"{segment.key} is damaged: its sha256 is not {segment.sha256}; it holds the embeddings "
        "of item a of collection 'c', item b of collection 'c'"
    ]

    [mended] = repaired(settings)

    assert mended.startswith("forgotten with the 2 embeddings in it; job_")
    assert mended.endswith(" embeds 2 items of collection 'c' anew once the service runs")
    assert check_home(settings) == []
    with stock.catalog.read() as session:
        [job] = jobs.list_jobs(session, job_type=None, state=None, before="", limit=9)
        waiting = inputs.undone_inputs(session, job.id, after=-1, limit=9)
    assert [(one.item_id, one.name, one.state) for one in waiting] == [
        ("a", "a.jpg", "queued"),
        ("b", "b.jpg", "queued"),
    ]


def test_one_job_embeds_all_items_that_have_no_embedding(stock: Stock, settings: Settings) -> None:
    with stock.catalog.write() as session:
        for segment in features.list_segments(session):
            features.forget_segment(session, segment.id)

    mended = repaired(settings)

    [told] = set(mended[:3])  # once for each item
    assert told.endswith(" embeds 3 items of collection 'c' anew once the service runs")
    with stock.catalog.read() as session:
        [job] = jobs.list_jobs(session, job_type=None, state=None, before="", limit=9)
    assert told.startswith(job.id)


def test_a_damaged_original_is_marked_as_lost_and_stored_again_when_it_is_sent(
    stock: Stock, settings: Settings
) -> None:
    original = random_vectors(3)[2].tobytes()
    [content] = (one for one in known(stock) if read_content(stock.blobs, one) == original)
    stock.blobs.local_path(content.pack_key).write_bytes(b"gone bad")
    where = f"{content.pack_key} ends at byte 8, before 16"
    assert check_home(settings) == [f"{where}; it is the original of item z of collection 'c'"]

    assert repaired(settings) == ["marked as lost; it is stored again once the same file is sent"]

    [lost] = (one for one in known(stock) if one.sha256 == content.sha256)
    with pytest.raises(DamagedError) as caught:
        read_content(stock.blobs, lost)
    assert (caught.value.code, caught.value.detail) == (
        "file_missing",
        f"the original was lost when {content.pack_key} was damaged; send the file again",
    )
    assert repaired(settings) == [""]

    stock.put("c", {"again": random_vectors(3)[2]})

    assert check_home(settings) == []


def known(stock: Stock) -> list[contents.ContentRecord]:
    with stock.catalog.read() as session:
        return contents.iter_contents(session, after="", limit=99)
