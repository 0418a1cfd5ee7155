"""What a dataset holds is settled by the first example that is added to it."""

from tests.pictures import striped, zipped
from tests.workplace import Workplace
from zoo.catalog import datasets
from zoo.catalog.records import DatasetRecord


def pets(place: Workplace) -> DatasetRecord:
    with place.context.catalog.read() as session:
        found = datasets.get_dataset(session, "pets")
    assert found is not None
    return found


def test_what_fails_altogether_settles_nothing_and_the_first_picture_does(
    place: Workplace,
) -> None:
    dataset_id = place.dataset()
    place.submit(dataset_id, place.deliver([("a.png", "cat", b"no picture")]))
    place.work()
    assert pets(place).kind is None

    place.submit(dataset_id, place.deliver([("b.png", "cat", striped("cat", 0))]))
    place.work()
    assert (pets(place).kind, pets(place).version) == ("image", 1)


def test_a_stray_text_among_files_leaves_the_dataset_to_the_pictures(place: Workplace) -> None:
    rows = [b'{"label": "cat", "text": "stray"}', b'{"path": "a.png", "label": "cat"}']
    job = place.submit_archive(
        zipped({"all.jsonl": b"\n".join(reversed(rows)), "a.png": striped("cat", 0)})
    )
    place.work()
    assert {one.name: one.state for one in place.inputs(job)} == {
        "a.png": "reused",
        "stray": "failed",
    }
    assert pets(place).kind == "image"
