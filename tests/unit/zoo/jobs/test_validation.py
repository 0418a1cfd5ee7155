import re
from pathlib import Path

import pytest

from zoo.catalog.records import Clash, LabelCount, SplitCount
from zoo.jobs import validation
from zoo.jobs.validation import Finding, Tally, find_faults

ROOT = Path(__file__).resolve().parents[4]


def tally(
    labels: dict[str, int],
    *,
    splits: dict[tuple[str, str | None], int] | None = None,
    two_labels: tuple[Clash, ...] = (),
    two_splits: tuple[Clash, ...] = (),
    unreadable: dict[str, int] | None = None,
) -> Tally:
    given = splits or {(label, None): n for label, n in labels.items()}
    return Tally(
        labels=[LabelCount(label=label, examples=n, contents=n) for label, n in labels.items()],
        splits=[
            SplitCount(label=label, split=split, examples=n) for (label, split), n in given.items()
        ],
        two_labels=(len(two_labels), two_labels),
        two_splits=(len(two_splits), two_splits),
        unreadable=unreadable or {},
    )


def found(given: Tally) -> list[tuple[str, str, str]]:
    return [(one.kind, one.severity, one.sentence) for one in find_faults(given)]


def test_a_sound_dataset_has_no_findings() -> None:
    assert found(tally({"cat": 30, "dog": 30})) == []


@pytest.mark.parametrize(
    ("labels", "kind", "sentence"),
    [
        (
            {"cat": 30},
            "too_few_classes",
            "there is one label only, 'cat'; a classifier needs at least two; of an archive the "
            "top folders are the labels, so pack what is in the folder that holds theirs, not "
            "that folder",
        ),
        (
            {"cat": 10, "dog": 1},
            "too_few_images",
            "1 class with 1 distinct example: dog; each needs at least 2, one to train on and one "
            "to test on",
        ),
    ],
)
def test_what_cannot_be_trained_is_an_error(
    labels: dict[str, int], kind: str, sentence: str
) -> None:
    errors = [one for one in found(tally(labels)) if one[1] == "error"]
    assert errors == [(kind, "error", sentence)]


@pytest.mark.parametrize(
    ("labels", "kind", "sentence"),
    [
        (
            {"cat": 12, "dog": 9},
            "few_images",
            "1 class with fewer than 10 distinct examples: dog (9); add more, or what is measured "
            "of them says little",
        ),
        (
            {"Cat": 12, "cat ": 12, "dog": 12},
            "similar_labels",
            "labels that differ by case, spaces or accents' form only: 'Cat' and 'cat '; give "
            "those that mean the same one label",
        ),
        (
            {"cat": 60, "dog": 12},
            "unequal_classes",
            "'cat' has 60 distinct examples, 'dog' 12; add to the small classes, and look at "
            "their own figures",
        ),
    ],
)
def test_what_spoils_the_result_is_a_warning(
    labels: dict[str, int], kind: str, sentence: str
) -> None:
    assert found(tally(labels)) == [(kind, "warning", sentence)]


def test_a_side_that_was_given_should_know_every_class() -> None:
    splits = {("cat", "train"): 9, ("cat", "test"): 9, ("dog", None): 9, ("fox", "test"): 9}
    given = tally({"cat": 18, "dog": 12, "fox": 12}, splits=splits)
    assert found(given) == [
        (
            "too_few_images",
            "error",
            "1 class with nothing to train on: fox; give some of each the split train, or none",
        ),
        (
            "class_not_in_split",
            "warning",
            "1 class that the test split lacks: dog; give some of each the split test, or none at "
            "all, so that it is made",
        ),
    ]


def test_contents_of_which_two_things_are_said_are_shown_with_both() -> None:
    labels = Clash(sha256="a" * 64, said=(("a.png", "cat"), ("b.png", "dog")))
    splits = Clash(sha256="a" * 64, said=(("a.png", "test"), ("b.png", "train")))
    given = tally({"cat": 30, "dog": 30}, two_labels=(labels,), two_splits=(splits,))
    assert [sentence for _, _, sentence in found(given)] == [
        "1 contents stand under several labels: a.png (cat) = b.png (dog); look at them, and "
        "delete or relabel those that are wrong",
        "1 contents are given for several splits: a.png (test) = b.png (train); give each one "
        "split; until then they count for the strictest",
    ]


def test_files_that_could_not_be_used_are_counted_with_their_jobs() -> None:
    [one] = find_faults(tally({"cat": 30, "dog": 30}, unreadable={"job_1": 2, "job_2": 1}))
    assert isinstance(one, Finding)
    assert (one.kind, one.count, one.examples) == ("unreadable_files", 3, ("job_1", "job_2"))


def test_every_finding_is_explained_in_the_documents() -> None:
    source = Path(validation.__file__).read_text()
    table = (ROOT / "docs/datasets.md").read_text().partition("## What validation finds")[2]
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.MULTILINE)
    made = re.findall(r'kind="(\w+)",\s+severity="(\w+)"', source)
    assert sorted(listed) == sorted(set(made))
