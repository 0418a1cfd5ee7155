import hashlib
import json
from dataclasses import replace

from zoo.catalog.records import Example
from zoo.jobs.sealing import digest

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
