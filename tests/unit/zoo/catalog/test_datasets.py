import hashlib

import pytest

from zoo.catalog import Catalog, contents, datasets, examples
from zoo.catalog.records import ContentRecord, Example, InputRecord


def sha256(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def given(number: int, *, label: str = "cat") -> InputRecord:
    return InputRecord(
        pk=0,
        position=number,
        name=f"{number}.png",
        item_id=f"item{number}",
        label=label,
        split=None,
        metadata={},
        sha256=sha256(number),
        state="queued",
        error_code=None,
        error_detail=None,
    )


@pytest.fixture
def dataset_id(catalog: Catalog) -> int:
    stored = [
        ContentRecord(
            sha256=sha256(number),
            pack_key="packs/a",
            offset=number,
            size_bytes=1,
            width=None,
            height=None,
        )
        for number in range(3)
    ]
    with catalog.write() as session:
        ids = contents.add_packs(session, {"packs/a": 3})
        contents.add_contents(session, stored, pack_ids=ids)
        return datasets.create_dataset(session, "pets").id


def seal(catalog: Catalog, dataset_id: int, *numbers: int) -> int:
    with catalog.write() as session:
        datasets.put_examples(session, dataset_id, [given(number) for number in numbers])
        n = len(datasets.list_examples(session, dataset_id, version=None))
        return datasets.seal_version(
            session, dataset_id, job_id=f"job{n}", digest="d", labels={"cat": n}
        )


def names(catalog: Catalog, dataset_id: int, version: int) -> set[str]:
    with catalog.read() as session:
        found: list[Example] = datasets.list_examples(session, dataset_id, version=version)
    return {one.name for one in found}


def test_a_version_holds_all_that_came_until_its_seal_and_never_more(
    catalog: Catalog, dataset_id: int
) -> None:
    assert [seal(catalog, dataset_id, 0), seal(catalog, dataset_id, 1, 2)] == [1, 2]
    assert names(catalog, dataset_id, 1) == {"0.png"}
    assert names(catalog, dataset_id, 2) == {"0.png", "1.png", "2.png"}


def test_what_is_not_sealed_belongs_to_no_version(catalog: Catalog, dataset_id: int) -> None:
    seal(catalog, dataset_id, 0)
    with catalog.write() as session:
        datasets.put_examples(session, dataset_id, [given(1)])
    assert names(catalog, dataset_id, 1) == {"0.png"}


def test_the_same_example_again_changes_no_sealed_version(
    catalog: Catalog, dataset_id: int
) -> None:
    seal(catalog, dataset_id, 0)
    with catalog.write() as session:
        datasets.put_examples(session, dataset_id, [given(0, label="dog")])
        assert datasets.count_labels(session, dataset_id, version=1) == {"cat": 1}


def test_an_example_that_is_changed_before_its_seal_stays_in_its_place(
    catalog: Catalog, dataset_id: int
) -> None:
    with catalog.write() as session:
        datasets.put_examples(session, dataset_id, [given(0), given(1)])
    with catalog.write() as session:
        datasets.put_examples(session, dataset_id, [given(0, label="dog")])
        shown = examples.page_of_examples(session, dataset_id, version=None, after=0, limit=9)
        assert [(one.item_id, one.label) for one in shown] == [("item0", "dog"), ("item1", "cat")]
    seal(catalog, dataset_id)
    with catalog.write() as session:
        datasets.put_examples(session, dataset_id, [given(0, label="fox")])
        sealed = datasets.list_examples(session, dataset_id, version=1)
    assert {one.item_id: one.label for one in sealed} == {"item0": "dog", "item1": "cat"}


def test_a_dataset_knows_its_newest_version(catalog: Catalog, dataset_id: int) -> None:
    seal(catalog, dataset_id, 0)
    seal(catalog, dataset_id, 1)
    with catalog.read() as session:
        found = datasets.get_dataset(session, "pets")
        [listed] = datasets.list_datasets(session, after="", limit=9)
    assert found == listed
    assert listed.version == 2


def test_a_deleted_dataset_is_not_the_next_one_of_its_name(
    catalog: Catalog, dataset_id: int
) -> None:
    seal(catalog, dataset_id, 0)
    with catalog.write() as session:
        datasets.create_dataset(session, "another")
        assert datasets.delete_dataset(session, "pets")
        assert not datasets.delete_dataset(session, "pets")
        datasets.create_dataset(session, "pets")
        assert not datasets.has_dataset(session, dataset_id)
        assert datasets.get_version(session, "pets", 1) is None


def test_datasets_are_listed_by_name_after_a_name(catalog: Catalog) -> None:
    with catalog.write() as session:
        for name in ("c", "a", "b"):
            datasets.create_dataset(session, name)
        listed = datasets.list_datasets(session, after="a", limit=1)
    assert [one.name for one in listed] == ["b"]


def test_what_is_changed_back_is_no_change(catalog: Catalog, dataset_id: int) -> None:
    seal(catalog, dataset_id, 0, 1)
    counts = []
    for put in ([given(0, label="dog")], [given(2)], [given(0)]):
        with catalog.write() as session:
            datasets.put_examples(session, dataset_id, put)
            counts.append(examples.count_changes(session, dataset_id))
    with catalog.write() as session:
        first = examples.page_of_examples(session, dataset_id, version=None, after=0, limit=1)
        datasets.retire_examples(session, dataset_id, [first[0].pk])
        counts.append(examples.count_changes(session, dataset_id))
        datasets.put_examples(session, dataset_id, [given(0)])
        counts.append(examples.count_changes(session, dataset_id))
    assert counts == [1, 2, 1, 2, 1]
    seal(catalog, dataset_id)
    with catalog.read() as session:
        found = examples.compare_versions(session, dataset_id, old=1, new=2, limit=9)
        assert {kind: one.count for kind, one in found.items() if one.count} == {"added": 1}
        assert examples.count_changes(session, dataset_id) == 0


def test_what_is_changed_back_after_its_seal_is_a_change(
    catalog: Catalog, dataset_id: int
) -> None:
    seal(catalog, dataset_id, 0)
    with catalog.write() as session:
        datasets.put_examples(session, dataset_id, [given(0, label="dog")])
    seal(catalog, dataset_id, 1)
    with catalog.write() as session:
        datasets.put_examples(session, dataset_id, [given(0)])
        assert examples.count_changes(session, dataset_id) == 1
        assert datasets.count_labels(session, dataset_id, version=2) == {"cat": 1, "dog": 1}
