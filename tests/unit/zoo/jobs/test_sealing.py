import hashlib
import json
from dataclasses import replace

from zoo.catalog import Catalog, contents, datasets
from zoo.catalog.records import ContentRecord, Example
from zoo.jobs.sealing import digest, look_at, seal

CAT = Example(item_id="i", name="a", label="cat", split=None, sha256="a" * 64)


def test_the_digest_knows_contents_labels_and_splits_and_no_order_or_name() -> None:
    dog = replace(CAT, label="dog", sha256="b" * 64)
    known = digest([CAT, dog])
    assert digest([dog, replace(CAT, item_id="j", name="b")]) == known
    for other in (
        replace(CAT, label="dog"),
        replace(CAT, split="test"),
        replace(CAT, sha256="c" * 64),
        replace(CAT, metadata={"camera": "a"}),
    ):
        assert digest([other, dog]) != known
    assert digest([CAT]) != digest([CAT, CAT])


def test_a_label_cannot_pass_for_two_examples() -> None:
    line = f"cat\n{'b' * 64}  dog"
    two = [CAT, replace(CAT, sha256="b" * 64, label="dog")]
    assert digest([replace(CAT, label=line)]) != digest(two)


def test_an_example_without_metadata_counts_as_it_did_before_there_was_any() -> None:
    line = json.dumps([CAT.sha256, CAT.split, CAT.label])
    assert digest([CAT]) == hashlib.sha256(f"{line}\n".encode()).hexdigest()


def test_the_order_of_metadata_does_not_matter() -> None:
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert digest([replace(CAT, metadata=one)]) == digest([replace(CAT, metadata=other)])


def test_what_changes_after_a_look_is_sealed_as_it_is_then(catalog: Catalog) -> None:
    stored = ContentRecord(
        sha256=CAT.sha256, pack_key="packs/a", offset=0, size_bytes=1, width=None, height=None
    )
    dog = replace(CAT, label="dog")
    with catalog.write() as session:
        ids = contents.add_packs(session, {"packs/a": 1})
        contents.add_contents(session, [stored], pack_ids=ids)
        dataset_id = datasets.create_dataset(session, "pets").id
        datasets.put_examples(session, dataset_id, [CAT])
        seen = look_at(session, dataset_id)
        seal(session, dataset_id, seen, job_id=None)
        datasets.put_examples(session, dataset_id, [dog])
        seal(session, dataset_id, seen, job_id=None)
        first, second = (datasets.get_version(session, "pets", number) for number in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.digest, first.labels) == (digest([CAT]), {"cat": 1})
    assert (second.digest, second.labels) == (digest([dog]), {"dog": 1})
